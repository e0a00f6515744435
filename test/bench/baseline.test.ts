// The pure-JavaScript baseline computes what Quern does: a step of training from the same weights on the same images.
import { crossEntropy, nn, optim, randint, randn, type Tensor, tensor } from 'quern'
import { expect, test } from 'vitest'
import { Adam, mnistCnn as baselineModel, parametersOf, train } from '../../bench/baseline/mnist-cnn.js'
import { mnistCnn } from '../../bench/models/mnist-cnn.js'

function expectClose(actual: ArrayLike<number>, expected: ArrayLike<number>, tolerance: number): void {
  expect(actual.length).toBe(expected.length)
  let [scale, worst] = [0, 0]
  for (let i = 0; i < expected.length; i++) {
    scale = Math.max(scale, Math.abs(expected[i] as number))
    worst = Math.max(worst, Math.abs((actual[i] as number) - (expected[i] as number)))
  }
  expect(worst).toBeLessThanOrEqual(tolerance * scale)
}

test('two steps: losses, gradients and parameters', async () => {
  const batch = 3
  const model = mnistCnn()
  // Dropout draws other numbers in each.
  for (const module of model.modules()) if (module instanceof nn.Dropout) module.eval()
  const layers = baselineModel(0)
  const ours = model.parameters()
  const theirs = parametersOf(layers)
  for (const [i, parameter] of ours.entries()) theirs[i]?.value.set(await parameter.data())

  const x = randn([batch, 1, 28, 28])
  const y = randint(0, 10, [batch])
  const [images, targets] = [await x.data(), await y.data()]
  const optimizer = new optim.Adam(ours)
  const adam = new Adam(theirs)
  for (let step = 0; step < 2; step++) {
    optimizer.zeroGrad()
    const loss = crossEntropy(model.forward(x) as Tensor, y)
    loss.backward()
    optimizer.step()
    expect(train(layers, adam, images, targets)).toBeCloseTo(await loss.item(), 5)
    // Later steps differ more: Adam divides by the root of gradients that are nearly zero.
    if (step > 0) continue
    for (const [i, parameter] of ours.entries()) {
      expectClose(theirs[i]?.gradient as Float32Array, await (parameter.grad as Tensor).data(), 1e-5)
    }
  }
})

test('Adam takes the steps of optim.Adam', async () => {
  const value = Float32Array.of(1, -2, 0.5, 3)
  const parameter = nn.parameter(tensor(value))
  const plain = { value: value.slice(), gradient: new Float32Array(4) }
  const optimizer = new optim.Adam([parameter])
  const adam = new Adam([plain])
  for (const gradient of [Float32Array.of(1, 0, -3, 1e-4), Float32Array.of(-0.5, 2, 1, 1e-4)]) {
    parameter.grad = tensor(gradient)
    optimizer.step()
    plain.gradient.set(gradient)
    adam.update()
  }
  expectClose(plain.value, await parameter.data(), 1e-6)
})
