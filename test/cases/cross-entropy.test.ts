// crossEntropy computes its gradient while it computes the loss: the same as its unfused form, and nobody's but the graph's.
import {
  type CrossEntropyOptions,
  checkpoint,
  crossEntropy,
  type FloatDType,
  grad,
  logSoftmax,
  mul,
  nllLoss,
  noGrad,
  onesLike,
  sum,
  type Tensor,
  tensor,
} from 'quern'
import { describe, expect, test } from 'vitest'
import { expectClose, numbers } from './values.js'

// Of either dtype: what the types say of float32 holds of both.
const real = (data: Float64Array, dtype: FloatDType, shape: readonly number[], requiresGrad = false) =>
  tensor(data, { dtype, shape, requiresGrad }) as Tensor
const leaf = (rows: number, columns: number, dtype: FloatDType = 'float32') =>
  real(numbers(rows * columns, 1, -4, 4), dtype, [rows, columns], true)
const values = (t: Tensor | null | undefined) => [...(t as Tensor).dataSync()]
const times = (factor: number, data: number[]) => data.map((v) => factor * v)
const classes = (rows: number, columns: number) =>
  tensor(Int32Array.from({ length: rows }, (_, r) => (r * 7 + 2) % columns))

// (1-ε) nll + ε/C Σ of nll for every class; the mean is by the weights of the targets.
function unfused(x: Tensor, target: Tensor<'int32'>, options: CrossEntropyOptions<'float32'>): Tensor {
  const { reduction, labelSmoothing = 0, ignoreIndex = -100, weight } = options
  const nll = (log: Tensor) => nllLoss(log, target, { weight, ignoreIndex, reduction: 'none' })
  const log = logSoftmax(x, { dim: 1 })
  const every = sum(log.mul(weight ?? 1), { dim: 1 }).mul(-labelSmoothing / (x.shape[1] as number))
  const ignored = target.ne(ignoreIndex).to(x.dtype)
  const rows = nll(log)
    .mul(1 - labelSmoothing)
    .add(every.mul(ignored))
  if (reduction === 'none') return rows
  return reduction === 'sum' ? sum(rows) : sum(rows).div(sum(nll(mul(onesLike(x), -1))))
}

const sizes = [
  [4, 3],
  [6, 10],
  [5, 16],
  [3, 37],
  [20, 1000],
] as const
describe.each(['float32', 'float64'] as const)('%s: as the unfused form', (dtype) => {
  describe.each(sizes)('%i×%i', (rows, columns) => {
    const weight = real(numbers(columns, 2, 0.2, 2), dtype, [columns])
    const variants: CrossEntropyOptions<'float32'>[] = [
      {},
      { weight },
      { ignoreIndex: 2 },
      { labelSmoothing: 0.2 },
      { weight, ignoreIndex: 2, labelSmoothing: 0.1 },
    ]
    test.each(['mean', 'sum', 'none'] as const)('%s', (reduction) => {
      const target = classes(rows, columns)
      const shape = reduction === 'none' ? [rows] : []
      const gradient = real(numbers(shape[0] ?? 1, 3), dtype, shape)
      for (const variant of variants) {
        const run = (fn: typeof unfused) => {
          const x = leaf(rows, columns, dtype)
          const loss = () => fn(x, target, { ...variant, reduction })
          const [seeded] = grad(sum(loss()), [x])
          const [scaled] = grad(sum(loss()).mul(-3), [x])
          const [given] = grad(loss(), [x], { gradient })
          return [loss(), seeded, scaled, given].map(values)
        }
        const expected = run(unfused)
        const tolerance = dtype === 'float32' ? 3e-6 : 1e-12
        run(crossEntropy).forEach((got, i) => {
          expectClose(got, expected[i] as number[], tolerance)
        })
      }
    })
  })
})

test('the loss is the same to the bit where no gradient is wanted', () => {
  const x = leaf(7, 21)
  const target = classes(7, 21)
  const plain = noGrad(() => crossEntropy(x, target))
  expect(plain.requiresGrad).toBe(false)
  expect(values(plain)).toEqual(values(crossEntropy(x, target)))
  expect(values(crossEntropy(x.detach(), target))).toEqual(values(plain))
})

test('backward again gives the same, whatever became of the gradients given out', () => {
  const target = classes(5, 12)
  const x = leaf(5, 12)
  const expected = values(grad(crossEntropy(x, target), [x])[0])
  const loss = crossEntropy(x, target)
  loss.backward({ retainGraph: true })
  expect(values(x.grad)).toEqual(expected)
  noGrad(() => x.grad?.mul_(5).add_(1))
  x.grad = null
  const [given] = grad(loss, [x], { retainGraph: true })
  expect(values(given)).toEqual(expected)
  noGrad(() => given?.zero_())
  loss.backward({ retainGraph: true })
  loss.backward({ retainGraph: true })
  expect(values(x.grad)).toEqual(times(2, expected))
  loss.backward()
  expectClose(values(x.grad), times(3, expected), 1e-7)
  expect(() => loss.backward()).toThrow(/graph that backward has not consumed/)
})

test('gradients of results: retained, hooked, changed in place, from two losses', () => {
  const target = classes(4, 5)
  const scores = () => {
    const x = leaf(4, 5)
    return [x, x.mul(2)] as const
  }
  const [x, y] = scores()
  y.retainGrad()
  crossEntropy(y, target).backward()
  const dy = values(y.grad)
  expect(values(x.grad)).toEqual(times(2, dy))

  const [x2, y2] = scores()
  const loss = crossEntropy(y2, target)
  y2.registerHook((g) => noGrad(() => void g.mul_(3)))
  loss.backward({ retainGraph: true })
  loss.backward({ retainGraph: true })
  expectClose(values(x2.grad), times(12, dy), 1e-6)

  const [x3, y3] = scores()
  crossEntropy(y3, target).add(crossEntropy(y3, target)).backward()
  expectClose(values(x3.grad), times(4, dy), 1e-6)
})

test('what a hook on the loss makes of its gradient counts', () => {
  const target = classes(4, 5)
  const x = leaf(4, 5)
  const expected = times(3, values(grad(crossEntropy(x, target), [x])[0]))
  const replaced = crossEntropy(x, target)
  replaced.registerHook((g) => g.mul(3))
  expectClose(values(grad(replaced, [x])[0]), expected, 1e-6)
  const changed = crossEntropy(x, target)
  changed.registerHook((g) => noGrad(() => void g.mul_(3)))
  expectClose(values(grad(changed, [x])[0]), expected, 1e-6)
})

test('through checkpoint, which computes the loss again', () => {
  const target = classes(4, 5)
  const x = leaf(4, 5)
  const expected = values(grad(crossEntropy(x, target), [x])[0])
  const checked = () => checkpoint((t: Tensor) => crossEntropy(t, target), [x])
  expect(values(grad(checked(), [x])[0])).toEqual(expected)
  const loss = checked()
  expect(values(grad(loss, [x], { retainGraph: true })[0])).toEqual(expected)
  expect(values(grad(loss, [x])[0])).toEqual(expected)
})

test.each(['mean', 'sum', 'none'] as const)('%s: second derivatives', (reduction) => {
  const weight = real(numbers(5, 2, 0.2, 2), 'float64', [5])
  const options = { weight, ignoreIndex: 4, labelSmoothing: 0.1, reduction }
  const run = (fn: typeof unfused) => {
    const x = leaf(4, 5, 'float64')
    const loss = () => sum(fn(x, classes(4, 5), options).square())
    const [first] = grad(loss(), [x], { createGraph: true })
    const [once] = grad(sum(fn(x, classes(4, 5), options)), [x], { createGraph: true, retainGraph: false })
    expect(once?.requiresGrad).toBe(true)
    return [first, once, ...grad(sum((first as Tensor).square()), [x])].map(values)
  }
  const expected = run(unfused)
  run(crossEntropy).forEach((got, i) => {
    expectClose(got, expected[i] as number[], 1e-10)
  })
})

test('rows that count for nothing have no gradient, whatever arrives there', () => {
  const x = leaf(3, 4)
  const target = tensor(Int32Array.of(1, -100, 2))
  const rows = crossEntropy(x, target, { reduction: 'none' })
  const [dx] = grad(rows, [x], { gradient: tensor([1, Infinity, 1]) })
  expect(values(dx).slice(4, 8)).toEqual([0, 0, 0, 0])
  const nothing = tensor(Int32Array.of(-100, -100, -100))
  const mean = crossEntropy(x, nothing)
  expect(mean.itemSync()).toBeNaN()
  expect(values(grad(mean, [x])[0])).toEqual(Array(12).fill(0))
})
