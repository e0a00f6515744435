// The pure-JavaScript baseline as a contestant: it trains MNIST-CNN, a few images at a time.
import { serve, timed } from '../peers/serve.mjs'
import type { Work } from '../work.js'
import { Adam, mnistCnn, parametersOf, train } from './mnist-cnn.js'

// A step of 64 images takes most of a minute.
const own = 4

await serve({
  about: { detail: `Node ${process.version}` },
  open(work: Work) {
    if (work.op !== 'train' || work.model !== 'mnist-cnn') return []
    const batch = Math.min(own, work.batch)
    const layers = mnistCnn()
    const adam = new Adam(parametersOf(layers))
    const images = Float32Array.from({ length: batch * 28 * 28 }, Math.random)
    const targets = Int32Array.from({ length: batch }, (_, i) => i % 10)
    const run = (steps: number) =>
      timed(() => {
        for (let i = 0; i < steps; i++) train(layers, adam, images, targets)
      })
    return [{ name: `batch ${batch}`, scale: batch / work.batch, run }]
  },
})
