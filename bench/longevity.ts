// What a long hand-written loop without a dispose call does to memory and to the event loop.
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { crossEntropy, optim, randint, runtime, type Tensor, tensor } from 'quern'
import { mnistCnn } from './mnist-cnn.js'

const resolution = 10 // milliseconds between the samples of the event loop's delay
const mebibytes = (bytes: number) => (bytes / 2 ** 20).toFixed(1).padStart(7)

async function loop(title: string, steps: number, step: (x: Tensor) => Promise<unknown>): Promise<void> {
  const { backend, isa } = runtime()
  const batch = backend === 'wasm' ? 16 : 64
  console.log(`\n${title}, MNIST-CNN, batch ${batch}, ${backend} ${isa}, MiB`)
  const pixels = new Float32Array(batch * 784).fill(0.5)
  const delay = monitorEventLoopDelay({ resolution })
  let early = 0
  for (let i = 1; i <= steps; i++) {
    await step(tensor(pixels, { shape: [batch, 1, 28, 28] }))
    if (i === 100) delay.enable()
    if (i === steps / 10) early = process.memoryUsage().rss
    if (i % (steps / 10) === 0) {
      const { live, reserved } = runtime().memory
      console.log(
        `  step ${String(i).padStart(5)}  rss ${mebibytes(process.memoryUsage().rss)}  tensors ${mebibytes(live)}  reserved ${mebibytes(reserved)}`,
      )
    }
  }
  const growth = mebibytes(process.memoryUsage().rss - early)
  // The histogram holds the time between samples, so an idle loop shows the resolution.
  const p99 = (delay.percentile(99) / 1e6 - resolution).toFixed(1)
  console.log(`  rss grew by ${growth.trim()} from step ${steps / 10}; event-loop delay p99 ${p99} ms`)
}

export async function longevity(): Promise<void> {
  const steps = Number(process.env.STEPS ?? 5000)
  const model = mnistCnn()
  const optimizer = new optim.AdamW(model.parameters())
  await loop('training', steps, async (x) => {
    optimizer.zeroGrad()
    const loss = crossEntropy(model.forward(x) as Tensor, randint(0, 10, [x.shape[0] as number]))
    loss.backward()
    optimizer.step()
    await loss.item()
  })
  await loop('inference', steps, async (x) => (model.forward(x) as Tensor).data())
}
