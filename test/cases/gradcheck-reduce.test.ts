// Gradients of reductions, softmax, running sums and matrix products against central differences, first and second order.
import * as q from 'quern'
import { type Argument, type F, gradients, sized } from './gradients.js'

interface Reduction {
  dim?: number | number[]
  keepdim?: boolean
}
type Set = [shape: number[], options: Reduction]

// With nothing reduced over no elements.
const some: Set[] = [
  [[], {}],
  [[1], {}],
  [[5], {}],
  [[2, 3], {}],
  [[2, 3], { dim: 0 }],
  [[2, 3], { dim: -1 }],
  [[2, 3], { dim: 1, keepdim: true }],
  [[3, 1], { dim: 0 }],
  [[3, 1], { dim: 1 }],
  [[1, 4], { dim: [0, 1] }],
  [[2, 2, 3], { dim: 1 }],
  [[2, 2, 3], { dim: [0, 2] }],
  [[2, 3, 2], { dim: [0, 2], keepdim: true }],
  [[2, 1, 3], { dim: 2 }],
  [[1, 2, 2, 2], { dim: [2, 3] }],
  [[2, 2, 1, 2], { dim: [0, 1, 3] }],
  [[0, 3], { dim: 1 }],
  [[2, 0, 3], { dim: -1, keepdim: true }],
  [[3, 0, 2], { dim: [0, 2], keepdim: true }],
  [[1, 1], {}],
  [[3, 2], { keepdim: true }],
  [[7], { dim: 0 }],
]
const all: Set[] = [...some, [[0], {}], [[2, 0], { dim: 1 }], [[0, 3], { dim: 0, keepdim: true }]]
// Over two elements or more, for square roots of what is 0 otherwise.
const spread: Set[] = some
  .filter(([shape]) => shape.length > 0)
  .map(([shape, options]) => [shape.map((n) => (n === 1 ? 2 : n)), options])

const reduction = (
  operation: string,
  fn: (x: F, options: Reduction) => F,
  sets: Set[],
  range: Omit<Argument, 'shape'> = {},
) =>
  gradients(
    operation,
    sets.map(([shape, options]) => [options, (x) => fn(x, options), { shape, ...range }]),
  )
reduction('sum', q.sum, all)
reduction('mean', q.mean, some)
reduction('prod', q.prod, all)
reduction('max', q.max, some, { apart: true })
reduction('min', q.min, some, { apart: true })
reduction('norm', q.norm, some)
reduction('logsumexp', q.logsumexp, some)
reduction('variance', q.variance, spread)
reduction('variance, uncorrected', (x, options) => q.variance(x, { ...options, correction: 0 }), some)
reduction('std', q.std, spread, { apart: true })

const along: [number[], number][] = [
  [[1], 0],
  [[3], 0],
  [[0], 0],
  [[2, 3], 0],
  [[2, 3], 1],
  [[3, 2], -1],
  [[3, 2], -2],
  [[1, 4], 0],
  [[1, 4], 1],
  [[2, 0], 0],
  [[0, 2], 1],
  [[2, 2, 2], 1],
  [[2, 2, 2], 0],
  [[1, 3, 2], 1],
  [[3, 1, 2], 0],
  [[2, 2, 3], -1],
  [[2, 1, 2, 2], 1],
  [[1, 2, 2, 2], -2],
  [[7], 0],
  [[1, 1, 1, 3], 3],
]
const ofDim = (operation: string, fn: (x: F, options: { dim: number }) => F) =>
  gradients(
    operation,
    along.map(([shape, dim]) => [{ dim }, (x) => fn(x, { dim }), { shape, low: -2, high: 2 }]),
  )
ofDim('softmax', q.softmax)
ofDim('logSoftmax', q.logSoftmax)
ofDim('cumsum', q.cumsum)

const products: [number[], number[]][] = [
  [
    [2, 3],
    [3, 2],
  ],
  [[3], [3]],
  [[1], [1]],
  [[3], [3, 2]],
  [[2, 3], [3]],
  [
    [1, 3],
    [3, 1],
  ],
  [
    [2, 1],
    [1, 3],
  ],
  [
    [1, 1],
    [1, 1],
  ],
  [
    [2, 2, 3],
    [3, 2],
  ],
  [
    [3, 2],
    [2, 2, 2],
  ],
  [
    [2, 1, 2, 3],
    [2, 3, 1],
  ],
  [
    [2, 2, 2],
    [2, 2, 2],
  ],
  [
    [1, 2, 2],
    [2, 2, 1],
  ],
  [[2, 2, 2], [2]],
  [[2], [2, 2, 3]],
  [
    [0, 3],
    [3, 2],
  ],
  [
    [2, 0],
    [0, 3],
  ],
  [
    [2, 3],
    [3, 0],
  ],
  [
    [0, 2, 2],
    [2, 1],
  ],
  [
    [2, 5],
    [5, 1],
  ],
  [
    [2, 1, 1, 2],
    [1, 2, 2, 2],
  ],
]
gradients(
  'matmul',
  products.map(([a, b]) => [null, q.matmul, ...sized(a, b)]),
)

const linears: [number[], number][] = [
  [[2, 3], 2],
  [[1, 1], 1],
  [[3], 2],
  [[0, 3], 2],
  [[2, 0], 3],
  [[2, 2, 2], 3],
  [[1, 3, 2], 1],
  [[2, 1, 1, 3], 2],
  [[5, 2], 1],
  [[2], 5],
]
gradients('linear', [
  ...linears.map(
    ([x, out]) => ['no bias', (t: F, w: F) => q.linear(t, w), ...sized(x, [out, x.at(-1) as number])] as const,
  ),
  ...linears.map(
    ([x, out]) =>
      [
        'bias',
        (t: F, w: F, bias: F) => q.linear(t, w, { bias }),
        ...sized(x, [out, x.at(-1) as number], [out]),
      ] as const,
  ),
])
gradients(
  'linear and relu in one',
  linears.map(([x, out]) => [
    null,
    (t, w, bias) => q.linear(t, w, { bias, relu: true }),
    ...[x, [out, x.at(-1) as number], [out]].map((shape) => ({ shape, low: -1, high: 1 })),
  ]),
)
