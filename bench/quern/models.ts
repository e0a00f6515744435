// Training and inference of the models, in the loop that a user would write.
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { noGrad, rand, synchronize, type Tensor } from 'quern'
import { modelOf } from '../models/index.js'
import { timed } from '../peers/serve.mjs'
import type { Infer, Train } from '../work.js'

const resolution = 10 // milliseconds between the samples of the event loop's delay
const delay = monitorEventLoopDelay({ resolution })
// What happens while Node starts is no delay that a loop made.
setTimeout(() => delay.enable(), 500).unref()

/** The 99th percentile of how late the event loop came, in milliseconds. */
export const loopDelay = (): number =>
  // The histogram holds the time between samples, so an idle loop shows the resolution.
  Math.max(0, delay.percentile(99) / 1e6 - resolution)

export function openTraining({ model: name, batch, awaited = false }: Train) {
  const { make, shape, targets, loss: criterion, optimizer: makeOptimizer } = modelOf(name)
  const model = make()
  const optimizer = makeOptimizer(model.parameters())
  const x = rand([batch, ...shape])
  return {
    async run(steps: number): Promise<number> {
      await synchronize()
      return timed(async () => {
        for (let i = 0; i < steps; i++) {
          const y = targets(batch) // new each time: learnt by heart, gradients become denormal
          optimizer.zeroGrad()
          const loss = criterion(model.forward(x) as Tensor, y)
          loss.backward()
          optimizer.step()
          if (awaited) await loss.item()
        }
        await synchronize()
      })
    },
  }
}

export function openInference({ model: name, batch }: Infer) {
  const { make, shape } = modelOf(name)
  const model = make()
  model.eval()
  const x = rand([batch, ...shape])
  return {
    run: (count: number): Promise<number> =>
      timed(async () => {
        for (let i = 0; i < count; i++) await noGrad(() => model.forward(x) as Tensor).data()
      }),
  }
}
