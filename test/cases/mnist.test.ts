// The MNIST-CNN under AdamW follows PyTorch's losses over 20 batches (test/golden/mnist_cnn.py).
import { readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import { crossEntropy, nn, optim, reshape, type Tensor, tensor } from 'quern'
import { loadSafetensors } from 'quern/io'
import { expect, test } from 'vitest'
import { goldenPath, readGolden } from '../golden/read.js'
import { expectClose } from './values.js'

interface Golden {
  losses: number[]
  final: Record<string, { sum: number; norm: number }>
}

test('20 losses and the final weights', { timeout: 300_000 }, async () => {
  const golden = readGolden<Golden>('mnist_cnn.json')
  const model = new nn.Sequential(
    ...[new nn.Conv2d(1, 32, 3, { padding: 1 }), new nn.ReLU(), new nn.MaxPool2d(2)],
    ...[new nn.Conv2d(32, 64, 3, { padding: 1 }), new nn.ReLU(), new nn.MaxPool2d(2)],
    ...[new nn.Flatten(), new nn.Linear(3136, 128), new nn.ReLU(), new nn.Dropout(0), new nn.Linear(128, 10)],
  )
  model.loadStateDict(await loadSafetensors(goldenPath('mnist_cnn.weights.safetensors')))
  const packed = readFileSync(goldenPath('mnist_cnn.batches.safetensors.gz'))
  const { images, labels } = await loadSafetensors(gunzipSync(packed))
  const pixels = (await (images as Tensor<'uint8'>).data()) as Uint8Array
  const classes = (await (labels as Tensor<'int32'>).data()) as Int32Array

  const optimizer = new optim.AdamW(model.parameters())
  const losses: number[] = []
  for (let i = 0; i < 20; i++) {
    const x = tensor(pixels.slice(i * 64 * 784, (i + 1) * 64 * 784))
      .to('float32')
      .div(255)
    const y = tensor(classes.slice(i * 64, (i + 1) * 64))
    optimizer.zeroGrad()
    const loss = crossEntropy(model.forward(reshape(x, [64, 1, 28, 28])) as Tensor, y)
    loss.backward()
    optimizer.step()
    losses.push(await loss.item())
  }
  for (const [i, loss] of losses.entries()) expect(loss / (golden.losses[i] as number)).toBeCloseTo(1, 5)
  for (const [name, t] of model.namedParameters()) {
    const { norm } = golden.final[name] as { norm: number }
    const values = await t.data()
    expectClose([Math.sqrt(values.reduce((s, v) => s + v * v, 0))], [norm], 2e-6)
  }
})
