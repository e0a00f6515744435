// Gradients of normalisation and dropout against central differences, first and second order.
import * as q from 'quern'
import { tensor } from 'quern'
import { type Case, type F, gradients, shapes, sized } from './gradients.js'

type Set = [shape: number[], options: object]
const signed = { low: -2, high: 2 }
const channels = ([, c = 1]: readonly number[]) => c
const ramp = (c: number, from: number) => tensor(Float64Array.from({ length: c }, (_, i) => from + i / 8))

const batches: Set[] = [
  [[3, 2], { eps: 0.1 }],
  [[2, 1], { eps: 0.5 }],
  [[2, 3, 2], { eps: 0.1 }],
  [[1, 2, 3], { eps: 0.1 }],
  [[2, 2, 2, 2], {}],
  [[1, 3, 2, 2], { eps: 0.1 }],
  [[3, 1, 1, 2], { eps: 0.1 }],
  [[2, 0, 3], {}],
  [[5, 2], { eps: 0.2 }],
  [[2, 2, 1, 3], { eps: 0.1 }],
]
const batchNorm = (operation: string, fn: (x: F, c: number, options: object) => F, sets: Set[]) =>
  gradients(
    operation,
    sets.flatMap(([shape, options]): Case[] => {
      const [x, c] = [{ shape, ...signed }, channels(shape)]
      return [
        ['affine', (t, weight, bias) => fn(t, c, { weight, bias, ...options }), x, ...sized([c], [c])],
        [options, (t) => fn(t, c, options), x],
      ]
    }),
  )
batchNorm('batchNorm, training', (x, _, options) => q.batchNorm(x, null, null, { training: true, ...options }), batches)
batchNorm('batchNorm, evaluation', (x, c, options) => q.batchNorm(x, ramp(c, -0.5), ramp(c, 0.5), options), [
  ...batches,
  [[0, 2], {}],
  [[1, 1], {}],
  [[0, 1, 2, 2], {}],
])

gradients(
  'layerNorm',
  (
    [
      [[2, 3], [3]],
      [[4], [4]],
      [[2, 2, 2], [2]],
      [
        [2, 2, 2],
        [2, 2],
      ],
      [
        [1, 3, 2],
        [3, 2],
      ],
      [[0, 3], [3]],
      [[2, 1], [1]],
      [
        [1, 1, 1, 3],
        [1, 1, 3],
      ],
      [[3, 5], [5]],
      [
        [1, 2, 2, 2],
        [2, 2, 2],
      ],
    ] as [number[], number[]][]
  ).flatMap(([shape, over]): Case[] => [
    [
      over,
      (x, weight, bias) => q.layerNorm(x, over, { weight, bias, eps: 0.1 }),
      { shape, ...signed },
      ...sized(over, over),
    ],
    [over, (x) => q.layerNorm(x, over, { eps: 0.1 }), { shape, ...signed }],
  ]),
)
gradients(
  'groupNorm',
  (
    [
      [[2, 2], 1],
      [[2, 4], 2],
      [[1, 3, 2], 3],
      [[2, 2, 2], 2],
      [[1, 4, 1, 2], 2],
      [[0, 2, 3], 1],
      [[1, 1, 5], 1],
      [[1, 6], 3],
      [[2, 2, 1, 2], 1],
      [[3, 2, 1], 2],
    ] as [number[], number][]
  ).flatMap(([shape, groups]): Case[] => {
    const c = channels(shape)
    return [
      [
        groups,
        (x, weight, bias) => q.groupNorm(x, groups, { weight, bias, eps: 0.1 }),
        { shape, ...signed },
        ...sized([c], [c]),
      ],
      [groups, (x) => q.groupNorm(x, groups, { eps: 0.1 }), { shape, ...signed }],
    ]
  }),
)
gradients(
  'localResponseNorm',
  (
    [
      [[1, 3, 2], 2],
      [[2, 4, 1], 3],
      [[1, 1, 1], 1],
      [[0, 2, 3], 2],
      [[1, 5, 2], 5],
      [[1, 2, 2, 2], 3],
      [[2, 3, 1, 2], 2],
      [[1, 7, 1], 4],
      [[1, 2, 1, 1, 2], 2],
      [[3, 2, 2], 1],
    ] as [number[], number][]
  ).map(([shape, size]) => [
    size,
    (x) => q.localResponseNorm(x, size, { alpha: 0.5, beta: 0.75, k: 2 }),
    { shape, ...signed },
  ]),
)

const along: [number[], number][] = [
  [[2, 3], 1],
  [[2, 3], 0],
  [[1, 1], 1],
  [[3, 1], 1],
  [[2, 2, 2], 1],
  [[0, 3], 1],
  [[2, 3, 1], -2],
  [[1, 5], -1],
  [[2, 2, 1, 2], 1],
  [[7], 0],
]
for (const p of [1, 2, 3, Number.POSITIVE_INFINITY]) {
  const apart = p === Number.POSITIVE_INFINITY
  gradients(
    `normalize, p ${p}`,
    along.map(([shape, dim]) => [{ dim }, (x) => q.normalize(x, { p, dim }), { shape, apart }]),
  )
}

// ---- dropout: the same numbers at each call

gradients(
  'dropout',
  shapes.map((shape) => [
    null,
    (x) => {
      q.manualSeed(11)
      return q.dropout(x, { p: 0.4 })
    },
    { shape, ...signed },
  ]),
)
gradients(
  'dropout2d',
  shapes
    .filter((shape) => shape.length > 1)
    .map((shape) => [
      null,
      (x) => {
        q.manualSeed(11)
        return q.dropout2d(x, { p: 0.4 })
      },
      { shape, ...signed },
    ]),
)
gradients(
  'dropout at inference',
  shapes.map((shape) => [null, (x) => q.dropout(x, { training: false }).square(), { shape, ...signed }]),
)
