// Gradients of the losses against central differences, first and second order.
import * as q from 'quern'
import { type Reduction, type Tensor, tensor } from 'quern'
import { type Argument, type Case, type F, gradients, shapes } from './gradients.js'

const reductions: Reduction[] = ['mean', 'sum', 'none']
const range = (n: number) => Array.from({ length: n }, (_, i) => i)
const ramp = (n: number): F => tensor(Float64Array.from(range(n), (i) => 0.5 + i / 4))
const full = (shape: readonly number[]) => !shape.includes(0)

// ---- pairs of one shape; the mean of nothing is NaN

const pairwise = (
  operation: string,
  fn: (a: F, b: F, reduction: Reduction) => F,
  a: Omit<Argument, 'shape'> = {},
  b = a,
) =>
  gradients(
    operation,
    shapes.map((shape, i): Case => {
      const reduction = full(shape) ? (reductions[i % 3] as Reduction) : 'sum'
      return [reduction, (x, y) => fn(x, y, reduction), { shape, ...a }, { shape, ...b }]
    }),
  )
const signed = { low: -2, high: 2 }
const probability = { low: 0.1, high: 0.9 }
pairwise('mseLoss', (x, y, reduction) => q.mseLoss(x, y, { reduction }), signed)
pairwise('l1Loss', (x, y, reduction) => q.l1Loss(x, y, { reduction }), signed)
pairwise('smoothL1Loss', (x, y, reduction) => q.smoothL1Loss(x, y, { reduction, beta: 0.7 }), signed)
pairwise('bceLoss', (x, y, reduction) => q.bceLoss(x, y, { reduction }), probability)
pairwise('bceWithLogitsLoss', (x, y, reduction) => q.bceWithLogitsLoss(x, y, { reduction }), signed, probability)
pairwise('klDivLoss', (x, y, reduction) => q.klDivLoss(x, y, { reduction }), signed, probability)
pairwise('klDivLoss of logarithms', (x, y, reduction) => q.klDivLoss(x, y, { reduction, logTarget: true }), signed)

const weighted = (operation: string, fn: (x: F, y: F, weight: F) => F, low: number, high: number) =>
  gradients(
    operation,
    shapes.map((shape) => [null, fn, { shape, low, high }, { shape, ...probability }, { shape: shape.slice(-1) }]),
  )
weighted('bceLoss, weighted', (x, y, weight) => q.bceLoss(x, y, { weight, reduction: 'sum' }), 0.1, 0.9)
weighted(
  'bceWithLogitsLoss, weighted',
  (x, y, weight) => q.bceWithLogitsLoss(x, y, { weight, posWeight: weight.square(), reduction: 'sum' }),
  -2,
  2,
)
gradients(
  'klDivLoss, batchmean',
  shapes
    .filter((shape) => shape.length > 0 && shape[0] !== 0)
    .map((shape) => [
      null,
      (x, y) => q.klDivLoss(x, y, { reduction: 'batchmean' }),
      { shape, ...signed },
      { shape, ...probability },
    ]),
)

// ---- class indices

type Classes = [scores: number[], targets: number[], shape: number[]]
const rows: Classes[] = [
  [[3, 4], [2, 0, 3], [3]],
  [[1, 2], [1], [1]],
  [[2, 1], [0, 0], [2]],
  [[5], [3], []],
  [[1], [0], []],
  [[0, 3], [], [0]],
  [[5, 2], [1, 0, 0, 1, 1], [5]],
  [[2, 7], [6, 2], [2]],
  [[4, 3], [1, 1, 1, 1], [4]],
]
const pixels: Classes[] = [
  [
    [2, 3, 2],
    [0, 2, 1, 1],
    [2, 2],
  ],
  [
    [1, 2, 2, 2],
    [0, 1, 1, 0],
    [1, 2, 2],
  ],
  [
    [2, 2, 1, 3],
    [1, 1, 0, 1, 0, 1],
    [2, 1, 3],
  ],
]

type Options = { weight?: F; reduction: Reduction }
type OfClasses = (scores: F, target: Tensor<'int32'>, options: Options) => F
const ofClasses = (operation: string, fn: OfClasses, sets: Classes[]) =>
  gradients(
    operation,
    sets.flatMap(([scores, classes, shape], i): Case[] => {
      const target = tensor(Int32Array.from(classes), { shape })
      const [reduction, other] = full(scores) ? [reductions[i % 3], reductions[(i + 1) % 3]] : ['sum', 'none']
      const weight = ramp(scores.length === 1 ? (scores[0] as number) : (scores[1] as number))
      const sets = [{ reduction }, { reduction: other, weight }] as Options[]
      return sets.map((options) => [
        [options.reduction, options.weight ? 'weighted' : ''],
        (x) => fn(x, target, options),
        { shape: scores, ...signed },
      ])
    }),
  )
ofClasses('crossEntropy', q.crossEntropy, [...rows, ...pixels])
ofClasses(
  'crossEntropy, smoothed and ignoring',
  (x, target, options) => q.crossEntropy(x, target, { ...options, labelSmoothing: 0.2, ignoreIndex: 1 }),
  [
    ...rows.filter(([, classes]) => classes.some((c) => c !== 1)),
    ...pixels,
    [[3, 3], [0, 1, 2], [3]],
    [[2, 2], [1, 0], [2]],
  ],
)
ofClasses('nllLoss', q.nllLoss, [...rows, ...pixels])
ofClasses(
  'nllLoss, ignoring',
  (x, target, options) => q.nllLoss(x, target, { ...options, ignoreIndex: 0 }),
  [...rows, ...pixels].filter(([, classes]) => classes.some((c) => c !== 0)),
)
ofClasses('hingeLoss', (x, target, { reduction }) => q.hingeLoss(x, target, { reduction, margin: 0.7 }), rows)
ofClasses('multiMarginLoss', (x, target, options) => q.multiMarginLoss(x, target, { ...options, margin: 0.7 }), rows)
ofClasses('multiMarginLoss, squared', (x, target, options) => q.multiMarginLoss(x, target, { ...options, p: 2 }), rows)

gradients(
  'crossEntropy of probabilities',
  [...rows, ...pixels].flatMap(([scores], i): Case[] => {
    const reduction = full(scores) ? (reductions[i % 3] as Reduction) : 'sum'
    const weight = ramp(scores.length === 1 ? (scores[0] as number) : (scores[1] as number))
    const [x, p] = [
      { shape: scores, ...signed },
      { shape: scores, ...probability },
    ]
    return [
      [reduction, (x, p) => q.crossEntropy(x, p, { reduction }), x, p],
      [[reduction, 'weighted'], (x, p) => q.crossEntropy(x, p, { reduction, weight, labelSmoothing: 0.1 }), x, p],
    ]
  }),
)
