// TensorFlow.js, its pure JavaScript backend or its WASM one; the latter has no kernels for the gradients of convolutions.
import { createRequire } from 'node:module'
import { dirname } from 'node:path'
import { numberOption, timed } from './serve.mjs'

const require = createRequire(import.meta.url)

/** @param {'cpu' | 'wasm'} backend */
export async function server(backend) {
  const tf = require('@tensorflow/tfjs')
  if (backend === 'wasm') {
    const wasm = require('@tensorflow/tfjs-backend-wasm')
    wasm.setThreadsCount(numberOption('--threads', 1))
    wasm.setWasmPaths(`${dirname(require.resolve('@tensorflow/tfjs-backend-wasm'))}/`)
  }
  await tf.setBackend(backend)
  await tf.ready()
  const images = slower(tf, backend)
  return {
    about: { version: tf.version.tfjs, detail: backend },
    open(work) {
      if (work.op === 'gemm') return gemm(tf, work, backend)
      if (work.op === 'conv') return work.pass === 'forward' && work.groups === 1 ? conv(tf, work, images) : []
      if (work.model !== 'mnist-cnn') return []
      if (work.op === 'infer') return infer(tf, work, images)
      return work.op === 'train' && backend === 'cpu' ? train(tf, work) : []
    },
  }
}

// How many images a run may have: plain JavaScript takes seconds for a batch.
const slower = (_tf, backend) => (batch) => (backend === 'cpu' ? Math.min(batch, 4) : batch)
const named = (own, batch) => (own === batch ? {} : { name: `batch ${own}`, scale: own / batch })

const repeat = (tf, compute) => async (count) =>
  timed(async () => {
    for (let i = 0; i < count; i++) {
      const y = tf.tidy(compute)
      await y.data()
      y.dispose()
    }
  })

function gemm(tf, { m, n, k, transposes }, backend) {
  // A thousand cubed takes JavaScript seconds.
  if (backend === 'cpu' && m * n * k > 512 ** 3) return []
  const [ta, tb] = [transposes[0] === 't', transposes[1] === 't']
  const a = tf.randomNormal(ta ? [k, m] : [m, k])
  const b = tf.randomNormal(tb ? [n, k] : [k, n])
  return [{ run: repeat(tf, () => tf.matMul(a, b, ta, tb)) }]
}

function conv(tf, { n, c, h, w, k, kernel, stride }, images) {
  const own = images(n)
  const x = tf.randomNormal([own, h, w, c])
  const weight = tf.randomNormal([kernel, kernel, c, k])
  return [{ ...named(own, n), run: repeat(tf, () => tf.conv2d(x, weight, stride, 'same')) }]
}

function mnistCnn(tf) {
  const conv = (filters, more = {}) =>
    tf.layers.conv2d({ filters, kernelSize: 3, padding: 'same', activation: 'relu', ...more })
  const pool = () => tf.layers.maxPooling2d({ poolSize: 2 })
  return tf.sequential({
    layers: [
      ...[conv(32, { inputShape: [28, 28, 1] }), pool(), conv(64), pool(), tf.layers.flatten()],
      ...[tf.layers.dense({ units: 128, activation: 'relu' }), tf.layers.dropout({ rate: 0.5 })],
      tf.layers.dense({ units: 10, activation: 'softmax' }),
    ],
  })
}

function infer(tf, { batch }, images) {
  const model = mnistCnn(tf)
  const own = images(batch)
  const x = tf.randomUniform([own, 28, 28, 1])
  return [{ ...named(own, batch), run: repeat(tf, () => model.predict(x)) }]
}

function train(tf, { batch }) {
  const own = Math.min(2, batch)
  const model = mnistCnn(tf)
  model.compile({ optimizer: tf.train.adam(1e-3), loss: 'sparseCategoricalCrossentropy' })
  const x = tf.randomUniform([own, 28, 28, 1])
  const y = tf.tensor1d(Array.from({ length: own }, (_, i) => i % 10))
  const run = (count) =>
    timed(async () => {
      for (let i = 0; i < count; i++) await model.trainOnBatch(x, y)
    })
  return [{ ...named(own, batch), run }]
}
