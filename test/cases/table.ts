// The one table of operations: each case runs on every backend and instruction set, forward and backward.
import {
  abs,
  add,
  clamp,
  concat,
  conv2d,
  cos,
  crossEntropy,
  div,
  dropout,
  exp,
  expand,
  type FloatDType,
  linear,
  log,
  logSoftmax,
  logsumexp,
  matmul,
  max,
  maximum,
  maxPool2d,
  mean,
  min,
  minimum,
  mseLoss,
  mul,
  narrow,
  neg,
  norm,
  permute,
  pow,
  prod,
  reciprocal,
  relu,
  reshape,
  rsqrt,
  sigmoid,
  sin,
  slice,
  softmax,
  sqrt,
  square,
  stack,
  sub,
  sum,
  type Tensor,
  tanh,
  tensor,
  transpose,
  variance,
  where,
} from 'quern'
import { cases as normCases } from './table-norm.js'
import { operatorCases } from './table-operators.js'

export interface Input {
  shape: number[]
  /** Values lie in [low, high]; default [-2, 2]. */
  low?: number
  high?: number
  /** Makes a tensor of the permuted shape and shows it through permute, so that its memory order differs. */
  memory?: number[]
}

export interface OpCase {
  name: string
  inputs: Input[]
  run: (...inputs: Tensor<FloatDType>[]) => Tensor<FloatDType>
  /** Largest error relative to the largest magnitude; 1e-5 by default. */
  tolerance?: number
}

export type F = Tensor<FloatDType>
const I = (...shape: number[]): Input => ({ shape })
const positive = (...shape: number[]): Input => ({ shape, low: 0.3, high: 3 })
const list: OpCase[] = []
const op = (name: string, inputs: Input[], run: OpCase['run'], tolerance?: number) =>
  list.push({ name, inputs, run, ...(tolerance === undefined ? {} : { tolerance }) })

// ---- one operand, over odd sizes and memory orders
const shapes: Input[] = [
  I(),
  I(1),
  I(0, 3),
  I(7),
  I(33),
  I(5, 13),
  I(1031),
  { shape: [3, 5, 4], memory: [2, 0, 1] },
  { shape: [2, 3, 4, 5], memory: [0, 2, 3, 1] },
]
const unary: Record<string, [(x: F) => F, Partial<Input>?]> = {
  neg: [neg],
  abs: [abs],
  exp: [exp],
  log: [log, { low: 0.1, high: 5 }],
  sqrt: [sqrt, { low: 0.1, high: 5 }],
  rsqrt: [rsqrt, { low: 0.1, high: 5 }],
  square: [square],
  reciprocal: [reciprocal, { low: 0.3, high: 3 }],
  sin: [sin, { low: -9, high: 9 }],
  cos: [cos, { low: -9, high: 9 }],
  tanh: [tanh, { low: -3, high: 3 }],
  sigmoid: [sigmoid, { low: -8, high: 8 }],
  relu: [relu],
}
for (const [name, [run, range]] of Object.entries(unary)) {
  for (const s of shapes) op(`${name} ${label(s)}`, [{ ...s, ...range }], run)
}
op('exp of large and small', [{ shape: [257], low: -80, high: 80 }], exp)
op('clamp', [I(6, 11)], (x) => clamp(x, -0.5, 1))
op('clamp below only', [I(40)], (x) => clamp(x, 0.25))
op('clamp of a permuted tensor', [{ shape: [3, 5, 4], memory: [2, 0, 1] }], (x) => clamp(x, -1, 0.5))

// ---- two operands with broadcasting
const pairs: [Input, Input][] = [
  [I(7), I(7)],
  [I(), I(5)],
  [I(4, 1), I(1, 6)],
  [I(3, 17), I(17)],
  [I(3, 17), I(3, 1)],
  [I(2, 3, 4, 5), I(3, 1, 1)],
  [{ shape: [2, 5, 3, 4], memory: [0, 2, 3, 1] }, I(2, 5, 3, 4)],
  [{ shape: [2, 5, 3, 4], memory: [0, 2, 3, 1] }, I(5, 1, 1)],
  [I(0, 4), I(4)],
  [I(129, 3), I(129, 3)],
]
const binary: Record<string, [(a: F, b: F) => F, Partial<Input>?]> = {
  add: [add],
  sub: [sub],
  mul: [mul],
  div: [div, { low: 0.4, high: 3 }],
  pow: [pow, { low: 0.3, high: 2 }],
  maximum: [maximum],
  minimum: [minimum],
}
for (const [name, [run, range]] of Object.entries(binary)) {
  for (const [a, b] of pairs)
    op(
      `${name} ${label(a)} ${label(b)}`,
      [
        { ...a, ...range },
        { ...b, ...range },
      ],
      run,
    )
  const x = { ...positive(3, 19) }
  op(`${name} with a number`, [x], (t) => run(t, 1.5 as unknown as F))
  op(`${name} of a number`, [x], (t) => run(1.5 as unknown as F, t))
}
op('one tensor used twice', [I(5, 4)], (x) => add(mul(x, x), mul(x, 3)))
op('where', [I(4, 9), I(9)], (a, b) => where(a.gt(0.1), a, b))
op('mseLoss', [I(6, 5), I(6, 5)], (a, b) => mseLoss(a, b))
op('mseLoss sum', [I(6, 5), I(6, 5)], (a, b) => mseLoss(a, b, { reduction: 'sum' }))

// ---- reductions
const dims: [Input, number | number[] | undefined][] = [
  [I(6, 7), undefined],
  [I(6, 7), 0],
  [I(6, 7), 1],
  [I(6, 7), -1],
  [I(4, 3, 5), 1],
  [I(4, 3, 5), [0, 2]],
  [I(4, 3, 5), [1, 2]],
  [{ shape: [2, 5, 3, 4], memory: [0, 2, 3, 1] }, [0, 2, 3]],
  [{ shape: [2, 5, 3, 4], memory: [0, 2, 3, 1] }, 1],
  [I(1, 1), undefined],
  [I(3000), 0],
  [I(2, 1025), 1],
  [I(301, 33), 0],
]
const reductions = { sum, mean, max, min, variance, norm, logsumexp } as unknown as Record<
  string,
  (x: F, options: object) => F
>
for (const [name, run] of Object.entries(reductions)) {
  for (const [x, dim] of dims) {
    if (name === 'variance' && x.shape.includes(1)) continue
    for (const keepdim of [false, true]) {
      const options = dim === undefined ? { keepdim } : { dim, keepdim }
      op(`${name} ${label(x)} dim ${String(dim)}${keepdim ? ' keepdim' : ''}`, [x], (t) => run(t, options), 3e-5)
    }
  }
}
op('prod', [positive(3, 5)], (x) => prod(x, { dim: 1 }))
op('prod with zeros', [I(4, 3)], (x) => prod(where(x.gt(0.9), 0, x), { dim: 1 }))
op('sum of nothing', [I(0, 4)], (x) => sum(x, { dim: 0 }))

// ---- softmax and cross-entropy
for (const [x, dim] of [
  [I(5, 10), 1],
  [I(5, 10), 0],
  [I(1, 1), 1],
  [I(3, 1000), -1],
  [I(2, 3, 7), 1],
  [{ shape: [4, 6], low: -60, high: 60 }, 1],
] as [Input, number][]) {
  op(`softmax ${label(x)} dim ${dim}`, [x], (t) => softmax(t, { dim }))
  op(`logSoftmax ${label(x)} dim ${dim}`, [x], (t) => logSoftmax(t, { dim }))
}
const classes = (n: number, c: number) => tensor(Int32Array.from({ length: n }, (_, i) => (i * 7 + 3) % c))
for (const reduction of ['mean', 'sum', 'none'] as const) {
  op(`crossEntropy ${reduction}`, [I(6, 10)], (x) => crossEntropy(x, classes(6, 10), { reduction }))
  op(`crossEntropy weighted ${reduction}`, [I(6, 4)], (x) => {
    const weight = tensor([0.5, 2, 1, 0.25], { dtype: x.dtype })
    return crossEntropy(x, classes(6, 4), { weight, reduction, labelSmoothing: 0.1, ignoreIndex: 3 })
  })
}
op('crossEntropy of an image', [I(2, 5, 3, 4)], (x) => crossEntropy(x, classes(24, 5).reshape([2, 3, 4])))
op('crossEntropy of one row', [I(7)], (x) => crossEntropy(x, tensor(Int32Array.of(4), { shape: [] })))

// ---- matrices
for (const [a, b] of [
  [I(3, 4), I(4, 5)],
  [I(1, 1), I(1, 1)],
  [I(17, 31), I(31, 13)],
  [I(64, 100), I(100, 10)],
  [I(5), I(5)],
  [I(5), I(5, 3)],
  [I(3, 5), I(5)],
  [I(2, 3, 4), I(4, 5)],
  [I(2, 1, 3, 4), I(5, 4, 2)],
  [I(0, 4), I(4, 3)],
  [I(3, 0), I(0, 3)],
  [{ shape: [19, 35], memory: [1, 0] }, I(35, 40)],
  [I(19, 35), { shape: [35, 40], memory: [1, 0] }],
  [
    { shape: [70, 65], memory: [1, 0] },
    { shape: [65, 129], memory: [1, 0] },
  ],
] as [Input, Input][]) {
  op(`matmul ${label(a)} ${label(b)}`, [a, b], matmul)
}
for (const [n, i, o] of [
  [4, 3, 5],
  [64, 128, 10],
  [1, 257, 33],
  [2, 16, 1],
] as [number, number, number][]) {
  op(`linear ${n}×${i}→${o}`, [I(n, i), I(o, i), I(o)], (x, w, bias) => linear(x, w, { bias }))
  op(`linear ${n}×${i}→${o} without bias`, [I(n, i), I(o, i)], (x, w) => linear(x, w))
}
op('linear of three dimensions', [I(2, 3, 8), I(4, 8), I(4)], (x, w, bias) => linear(x, w, { bias }))

// ---- convolution and pooling
type Conv = [x: number[], w: number[], options?: object]
const convolutions: Conv[] = [
  [[2, 1, 9, 8], [4, 1, 3, 3], { padding: 1 }],
  [[2, 1, 28, 28], [32, 1, 3, 3], { padding: 1 }],
  [[2, 32, 14, 14], [64, 32, 3, 3], { padding: 1 }],
  [
    [3, 3, 11, 7],
    [5, 3, 3, 2],
  ],
  [
    [1, 16, 6, 6],
    [33, 16, 1, 1],
  ],
  [[2, 8, 9, 9], [16, 8, 3, 3], { stride: 2, padding: 1 }],
  [[2, 3, 15, 13], [8, 3, 7, 5], { stride: [2, 3], padding: [3, 2] }],
  [[2, 6, 10, 10], [4, 6, 3, 3], { dilation: 2, padding: 2 }],
  [[2, 8, 7, 7], [8, 1, 3, 3], { padding: 1, groups: 8 }],
  [[2, 8, 9, 7], [16, 1, 3, 3], { padding: 1, groups: 8, stride: 2 }],
  [[2, 12, 6, 5], [6, 4, 3, 3], { groups: 3 }],
  [[2, 32, 6, 6], [32, 16, 3, 3], { groups: 2, padding: 1 }],
  [
    [1, 1, 1, 1],
    [1, 1, 1, 1],
  ],
  [
    [0, 3, 5, 5],
    [4, 3, 3, 3],
  ],
  [[1, 2, 5, 5], [3, 2, 5, 5], { padding: 4 }],
  [[1, 4, 5, 6], [4, 4, 2, 2], { stride: 3 }],
]
for (const [x, w, options] of convolutions) {
  const name = `conv2d ${x.join('×')} ${w.join('×')} ${JSON.stringify(options ?? {})}`
  const bias = w[0] as number
  op(name, [I(...x), I(...w), I(bias)], (t, weight, b) => conv2d(t, weight, { bias: b, ...options }))
  const last = { shape: x, memory: [0, 2, 3, 1] }
  op(`${name} channels-last`, [last, I(...w)], (t, weight) => conv2d(t, weight, options))
}
for (const [x, kernel, options] of [
  [[2, 3, 8, 8], 2, {}],
  [[2, 32, 28, 28], 2, {}],
  [[1, 5, 7, 9], 3, {}],
  [[2, 4, 7, 7], 3, { stride: 2, padding: 1 }],
  [[1, 17, 6, 5], [2, 3], { stride: 1 }],
  [[1, 2, 9, 9], 3, { dilation: 2, stride: 2 }],
  [[0, 2, 4, 4], 2, {}],
  [[1, 2, 18, 18], 17, { stride: 1 }],
] as [number[], number | [number, number], object][]) {
  op(`maxPool2d ${x.join('×')} ${kernel} ${JSON.stringify(options)}`, [I(...x)], (t) => maxPool2d(t, kernel, options))
}

// ---- views and joins
op('reshape of a permuted tensor', [I(3, 4, 5)], (x) => reshape(permute(x, [2, 0, 1]), [5, 12]))
op('transpose', [I(3, 4, 5)], (x) => mul(transpose(x, 0, 2), 2))
op('expand', [I(3, 1, 5)], (x) => mul(expand(x, [2, 3, 4, 5]), 2))
op('slice with a step', [I(9, 4)], (x) => mul(slice(x, 0, 1, 8, 3), 2))
op('narrow', [I(4, 9)], (x) => mul(narrow(x, 1, 2, 5), 2))
op('concat', [I(2, 3), I(4, 3)], (a, b) => concat([a, b], 0))
op('concat inside', [I(2, 3, 2), I(2, 1, 2)], (a, b) => concat([a, b], 1))
op('stack', [I(2, 3), I(2, 3)], (a, b) => stack([a, b], 1))
op('dropout of nothing', [I(5, 5)], (x) => dropout(x, { p: 0 }))

operatorCases(op, shapes, label)

function label({ shape, memory }: Input): string {
  return `${shape.length === 0 ? 'scalar' : shape.join('×')}${memory ? ' permuted' : ''}`
}

export const cases: readonly OpCase[] = [...list, ...normCases]
