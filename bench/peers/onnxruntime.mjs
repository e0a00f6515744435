// ONNX Runtime, native or WASM: forward passes of the models that PyTorch has written to files.
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { numberOption, timed } from './serve.mjs'

const require = createRequire(import.meta.url)

/** @param {'onnxruntime-node' | 'onnxruntime-web'} name */
export async function server(name) {
  const ort = require(name)
  const threads = numberOption('--threads', 1)
  const web = name === 'onnxruntime-web'
  if (web) ort.env.wasm.numThreads = threads
  const options = { intraOpNumThreads: threads, interOpNumThreads: 1, executionProviders: [web ? 'wasm' : 'cpu'] }
  let session = null
  return {
    about: { version: ort.env.versions[web ? 'web' : 'node'] },
    async open({ file }) {
      await session?.release()
      session = null
      if (!file) return []
      const opened = await ort.InferenceSession.create(readFileSync(file), { ...options, logSeverityLevel: 3 })
      session = opened
      const feeds = Object.fromEntries(opened.inputMetadata.map(({ name, shape }) => [name, random(ort, shape)]))
      const run = (count) =>
        timed(async () => {
          for (let i = 0; i < count; i++) await opened.run(feeds)
        })
      return [{ run }]
    },
  }
}

function random(ort, shape) {
  const size = shape.reduce((product, n) => product * n, 1)
  return new ort.Tensor('float32', Float32Array.from({ length: size }, Math.random), shape)
}
