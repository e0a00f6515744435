// Initialisers: bounds, moments, and what they promise.
import { manualSeed, matmul, nn, type Tensor, transpose, zeros } from 'quern'
import { beforeEach, expect, test } from 'vitest'
import { expectClose } from './values.js'

beforeEach(() => manualSeed(7))

const { init } = nn
const shape = [64, 32, 5, 3] // fanIn 480, fanOut 960
const moments = async (t: Tensor) => {
  const x = [...(await t.data())]
  const mean = x.reduce((a, b) => a + b, 0) / x.length
  const std = Math.sqrt(x.reduce((a, b) => a + (b - mean) ** 2, 0) / x.length)
  return { mean, std, largest: x.reduce((a, b) => Math.max(a, Math.abs(b)), 0) }
}

test.each([
  ['kaiming', (w: Tensor) => init.kaimingNormal_(w), Math.sqrt(2 / 480)],
  [
    'kaiming fanOut tanh',
    (w: Tensor) => init.kaimingNormal_(w, { mode: 'fanOut', nonlinearity: 'tanh' }),
    5 / 3 / Math.sqrt(960),
  ],
  ['kaiming a', (w: Tensor) => init.kaimingUniform_(w, { a: 2 }), Math.sqrt(2 / 5 / 480)],
  ['kaiming relu', (w: Tensor) => init.kaimingUniform_(w, { nonlinearity: 'relu' }), Math.sqrt(2 / 480)],
  ['xavier', (w: Tensor) => init.xavierNormal_(w, { gain: 3 }), 3 * Math.sqrt(2 / 1440)],
  ['xavier uniform', (w: Tensor) => init.xavierUniform_(w), Math.sqrt(2 / 1440)],
  ['lecun', (w: Tensor) => init.lecunNormal_(w), Math.sqrt(1 / 480)],
  ['lecun uniform', (w: Tensor) => init.lecunUniform_(w), Math.sqrt(1 / 480)],
] as const)('%s has its standard deviation', async (name, fill, expected) => {
  const { mean, std, largest } = await moments(fill(zeros(shape)))
  expect(Math.abs(mean)).toBeLessThan(expected / 50)
  expect(Math.abs(std / expected - 1)).toBeLessThan(0.02)
  if (name.includes('uniform')) expect(largest).toBeLessThanOrEqual(expected * Math.sqrt(3) * (1 + 1e-6))
})

test('gains are those of PyTorch', () => {
  expect(init.calculateGain('leakyRelu', 0.2)).toBeCloseTo(1.3867504905630728, 14)
  expect(init.calculateGain('leakyRelu')).toBeCloseTo(1.4141428569978354, 14)
  expect(init.calculateGain('selu')).toBe(0.75)
  expect(init.calculateGain('conv2d')).toBe(1)
  expect(() => init.calculateGain('mish' as never)).toThrow(/^calculateGain: expected linear, .*, got mish$/)
  expect(() => init.kaimingNormal_(zeros([2, 2]), { mode: 'fan_in' as never })).toThrow(/expected mode 'fanIn'/)
})

// Quantiles by numeric integration of the density.
test.each([
  [0, 1, -2, 2],
  [0, 0.02, -2, 2],
  [1, 2, 0, 1.5],
  [0, 1, 1, 3],
])('truncNormal_ of mean %d, std %d, within %d and %d', async (mean, std, low, high) => {
  const sample = [...(await init.truncNormal_(zeros([20_011]), mean, std, low, high).data())].sort((a, b) => a - b)
  expect(sample[0]).toBeGreaterThanOrEqual(Math.fround(low))
  expect(sample.at(-1)).toBeLessThanOrEqual(Math.fround(high))
  const [from, to] = [Math.max(low, mean - 8 * std), Math.min(high, mean + 8 * std)]
  const cells = Array.from({ length: 4000 }, (_, i) => from + ((i + 0.5) * (to - from)) / 4000)
  const density = cells.map((x) => Math.exp(-(((x - mean) / std) ** 2) / 2))
  const total = density.reduce((a, b) => a + b)
  let [sum, at, worst] = [0, 0, 0]
  for (const [i, x] of cells.entries()) {
    sum += density[i] as number
    while (at < sample.length && (sample[at] as number) <= x) at++
    worst = Math.max(worst, Math.abs(at / sample.length - sum / total))
  }
  expect(worst).toBeLessThan(1.95 / Math.sqrt(sample.length)) // Kolmogorov and Smirnov, 0.1 %
})

test.each([[[5, 5]], [[7, 3]], [[3, 7]], [[1, 4]], [[64, 64]], [[8, 3, 3, 2]], [[0, 3]]])(
  'orthogonal_ of %j',
  async (dims) => {
    const w = init.orthogonal_(zeros(dims), { gain: 2 })
    if (w.size === 0) return
    const [rows, columns] = [dims[0] as number, w.size / (dims[0] as number)]
    const m = w.reshape([rows, columns])
    const product = rows <= columns ? matmul(m, transpose(m, 0, 1)) : matmul(transpose(m, 0, 1), m)
    const n = Math.min(rows, columns)
    expectClose(
      await product.data(),
      Array.from({ length: n * n }, (_, i) => (i % (n + 1) === 0 ? 4 : 0)),
      2e-6,
    )
  },
)

test('constants and the identity', async () => {
  expect([...(await init.ones_(zeros([3])).data())]).toEqual([1, 1, 1])
  expect([...(await init.zeros_(init.ones_(zeros([2]))).data())]).toEqual([0, 0])
  expect(await init.eye_(init.ones_(zeros([2, 3]))).array()).toEqual([
    [1, 0, 0],
    [0, 1, 0],
  ])
  expect(() => init.eye_(zeros([2]))).toThrow(/^eye_: expected t \(rows,columns\) with 2 dimensions, got 2/)
  expect(() => init.truncNormal_(zeros([2]), 0, 0)).toThrow(/^truncNormal_: expected std/)
})

test('a parameter that was made may be filled again, off the tape', async () => {
  const layer = new nn.Linear(4, 4)
  init.orthogonal_(layer.weight)
  init.truncNormal_(layer.weight, 0, 0.02)
  expect(layer.weight.requiresGrad).toBe(true)
  expect((await moments(layer.weight)).largest).toBeLessThan(0.2)
})
