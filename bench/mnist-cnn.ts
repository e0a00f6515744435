// The MNIST-CNN of the README on random images: one chunk of training steps at a time.
import { crossEntropy, nn, optim, rand, randint, synchronize, type Tensor } from 'quern'

export const mnistCnn = () =>
  new nn.Sequential(
    ...[new nn.Conv2d(1, 32, 3, { padding: 1 }), new nn.ReLU(), new nn.MaxPool2d(2)],
    ...[new nn.Conv2d(32, 64, 3, { padding: 1 }), new nn.ReLU(), new nn.MaxPool2d(2)],
    ...[new nn.Flatten(), new nn.Linear(64 * 7 * 7, 128), new nn.ReLU(), new nn.Dropout(0.5), new nn.Linear(128, 10)],
  )

/** Returns a function that trains for so many steps and gives images per second. */
export function mnistTraining(batch: number) {
  const model = mnistCnn()
  const optimizer = new optim.AdamW(model.parameters())
  const x = rand([batch, 1, 28, 28])
  return async (steps: number): Promise<number> => {
    const targets = Array.from({ length: steps }, () => randint(0, 10, [batch]))
    await synchronize()
    const start = performance.now()
    for (const y of targets) {
      optimizer.zeroGrad()
      const loss = crossEntropy(model.forward(x) as Tensor, y)
      loss.backward()
      optimizer.step()
    }
    await synchronize()
    return (1000 * batch * steps) / (performance.now() - start)
  }
}
