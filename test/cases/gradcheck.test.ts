// Every differentiable operation against central differences, first and second order, over many shapes and layouts.
import * as q from 'quern'
import { gradCheck, gradGradCheck, numericGradient, permute, slice, type Tensor, tensor } from 'quern'
import { describe, expect, test } from 'vitest'
import { numbers } from './values.js'

type F = Tensor<'float64'>
const sized = (shape: readonly number[]) => shape.reduce((a, b) => a * b, 1)

function leaf(shape: readonly number[], seed: number, low = 0.3, high = 1.7): F {
  const t = tensor(Float64Array.from(numbers(sized(shape), seed, low, high)), { shape })
  t.requiresGrad = true
  return t
}

// The same shape in another memory order, or with gaps.
const layouts: [string, (shape: readonly number[], seed: number) => F][] = [
  ['row-major', (shape, seed) => leaf(shape, seed)],
  [
    'reversed',
    (shape, seed) => {
      const order = shape.map((_, i) => shape.length - 1 - i)
      return permute(leaf([...shape].reverse(), seed).detach(), order).requiresGrad_()
    },
  ],
  [
    'gapped',
    (shape, seed) => {
      if (shape.length === 0) return leaf(shape, seed)
      const wide = leaf([...shape.slice(0, -1), 2 * (shape.at(-1) as number)], seed).detach()
      return slice(wide, -1, 0, undefined, 2).requiresGrad_()
    },
  ],
]
const shapes = [[], [1], [3], [0], [2, 3], [1, 3], [3, 1], [2, 0], [1, 2, 2], [2, 1, 3]]
const made: [string, (seed: number) => F][] = layouts.flatMap(([layout, make]) =>
  shapes.map((shape): [string, (seed: number) => F] => [`${layout} ${shape.join('×')}`, (seed) => make(shape, seed)]),
)
const tolerance = { atol: 1e-6, rtol: 1e-6, eps: 1e-5 }
const both = (fn: (...xs: F[]) => F, inputs: F[]) => {
  expect(gradCheck(fn, inputs, tolerance)).toBe(true)
  expect(gradGradCheck(fn, inputs, tolerance)).toBe(true)
}

const last = { dim: -1 } as const
const unary: Record<string, (x: F) => F> = {
  neg: q.neg,
  abs: q.abs,
  exp: q.exp,
  log: q.log,
  sqrt: q.sqrt,
  rsqrt: q.rsqrt,
  square: q.square,
  reciprocal: q.reciprocal,
  sin: q.sin,
  cos: q.cos,
  tanh: q.tanh,
  sigmoid: q.sigmoid,
  relu: (x) => q.relu(x.sub(1)),
  clamp: (x) => q.clamp(x.square(), 0.5, 2),
  'pow 3': (x) => q.pow(x, 3),
  '2 pow': (x) => q.pow(2, x),
  'div of a number': (x) => q.div(3, x),
  'maximum with a number': (x) => q.maximum(x.square(), 1),
  sum: (x) => q.sum(x.square()),
  mean: (x) => (x.size ? q.mean(x.square()) : x.square()),
  prod: (x) => q.prod(x),
  'prod last': (x) => (x.ndim ? q.prod(x, last) : x.square()),
  max: (x) => (x.size ? q.max(x.square()) : x.square()),
  min: (x) => (x.size && x.ndim ? q.min(x.square(), last) : x.square()),
  norm: (x) => (x.size ? q.norm(x) : x.square()),
  logsumexp: (x) => (x.size ? q.logsumexp(x) : x.square()),
  softmax: (x) => q.softmax(x, last),
  logSoftmax: (x) => q.logSoftmax(x, last),
  'reshape and flatten': (x) => x.square().reshape([-1, 1].slice(x.size ? 0 : 2).concat(x.size ? [] : x.shape)),
  'reversed dims': (x) =>
    permute(
      x.square(),
      x.shape.map((_, i) => x.ndim - 1 - i),
    ),
  'slice with a step': (x) => (x.ndim ? slice(x.square(), -1, 0, undefined, 2) : x.square()),
  'unsqueeze and expand': (x) =>
    x
      .square()
      .unsqueeze(0)
      .expand([2, ...x.shape]),
  'concat and stack': (x) => q.stack([x.square(), q.exp(x)], 0),
  contiguous: (x) => x.square().contiguous().clone(),
}
describe.each(Object.entries(unary))('%s', (_, fn) => {
  test.each(made)('%s', (_, make) => both(fn, [make(3)]))
})

const binary: Record<string, (a: F, b: F) => F> = {
  add: (a, b) => q.add(a, b).square(),
  sub: (a, b) => q.sub(a, b).square(),
  mul: q.mul,
  div: q.div,
  pow: q.pow,
  maximum: (a, b) => q.maximum(a.square(), b),
  minimum: (a, b) => q.minimum(a.square(), b),
  where: (a, b) => q.where(a.gt(b), a.square(), b.exp()),
  mseLoss: (a, b) => (a.size ? q.mseLoss(a, b) : q.mul(a, b)),
}
describe.each(Object.entries(binary))('%s', (_, fn) => {
  test.each(made)('%s', (_, make) => {
    both(fn, [make(3), make(8)])
    both(fn, [make(3), leaf([], 5)])
  })
})

test.each([
  [
    [2, 3],
    [3, 2],
  ],
  [[3], [3]],
  [[3], [3, 2]],
  [
    [2, 2, 3],
    [3, 2],
  ],
  [
    [2, 1, 2, 3],
    [2, 3, 1],
  ],
  [
    [0, 3],
    [3, 2],
  ],
])('matmul %j %j', (a, b) => both(q.matmul, [leaf(a, 1), leaf(b, 2)]))

test.each([
  [[2, 2, 4, 4], [3, 2, 3, 3], {}],
  [[1, 2, 5, 4], [2, 2, 3, 2], { stride: 2, padding: 1 }],
  [[1, 2, 5, 5], [2, 1, 2, 2], { groups: 2, dilation: 2 }],
  [[1, 1, 3, 3], [1, 1, 1, 1], { stride: 2 }],
] as const)('conv2d %j %j %j', (x, w, options) => {
  const fn = (a: F, b: F, bias: F) => q.conv2d(a, b, { bias, ...options }).square()
  both(fn, [leaf(x, 1), leaf(w, 2), leaf([w[0]], 3)])
})

test.each(made.filter(([, make]) => make(1).ndim > 0))('layerNorm %s', (_, make) => {
  const x = make(3)
  const shape = x.shape.slice(-1)
  const fn = (t: F, weight: F, bias: F) => q.layerNorm(t, shape, { weight, bias, eps: 0.1 }).square()
  both(fn, [x, leaf(shape, 4), leaf(shape, 5)])
  both((t) => q.layerNorm(t, t.shape, { eps: 0.1 }).square(), [x])
})

test.each([
  [[2, 4, 3], 2],
  [[3, 6], 3],
  [[1, 2, 2, 3], 1],
] as const)('groupNorm %j in %j', (shape, groups) => {
  const fn = (t: F, weight: F, bias: F) => q.groupNorm(t, groups, { weight, bias, eps: 0.1 }).square()
  both(fn, [leaf(shape, 3), leaf([shape[1]], 4), leaf([shape[1]], 5)])
})

test('linear, crossEntropy and maxPool2d', () => {
  both((x, w, bias) => q.linear(x, w, { bias }).square(), [leaf([2, 3], 1), leaf([2, 3], 2), leaf([2], 3)])
  const target = tensor(Int32Array.of(2, 0, 1))
  const weight = tensor(Float64Array.of(0.5, 2, 1))
  for (const reduction of ['mean', 'sum', 'none'] as const) {
    both((x) => q.crossEntropy(x, target, { reduction }), [leaf([3, 3], 4)])
    const options = { weight, reduction, labelSmoothing: 0.2, ignoreIndex: 1 }
    both((x) => q.crossEntropy(x, target, options), [leaf([3, 3], 4)])
  }
  expect(gradCheck((x) => q.maxPool2d(x, 2), [leaf([1, 2, 4, 4], 1)], tolerance)).toBe(true)
  expect(() => gradGradCheck((x) => q.maxPool2d(x, 2).square(), [leaf([1, 2, 4, 4], 1)])).toThrow(
    /^maxPool2d: expected first derivatives only/,
  )
})

test('gradCheck names the input and the element that differ', () => {
  const wrong = (x: F, y: F) => q.mul(x, y).add(q.mul(x, 0).detach()).mul(y.detach())
  expect(() => gradCheck(wrong, [leaf([2], 1), leaf([2], 2)])).toThrow(
    /^gradCheck: expected the gradient of inputs\[1\] \(2\) at element 0 to be .* by central differences, got/,
  )
  expect(() => gradCheck((x) => x, [tensor(Float64Array.of(1))])).toThrow(/an input with requiresGrad, got none/)
  expect(() => numericGradient((x) => x, tensor([1]) as never)).toThrow(/^numericGradient: expected x to be float64/)
  expect(numericGradient((x) => x.square(), tensor(Float64Array.of(1, 2))).dataSync()[1]).toBeCloseTo(4, 6)
})
