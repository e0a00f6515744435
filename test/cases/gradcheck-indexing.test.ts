// Gradients of indexing, padding and rearranging against central differences, first and second order.
import * as q from 'quern'
import { tensor } from 'quern'
import { type Case, type F, gradients, shapes, sized } from './gradients.js'

const sizeOf = (shape: readonly number[]) => shape.reduce((a, b) => a * b, 1)
/** Indices below n of this shape: some often, some never. */
const indices = (n: number, shape: readonly number[]) =>
  tensor(
    Int32Array.from({ length: sizeOf(shape) }, (_, i) => (i * i * 5 + 2 * i + 1) % n),
    { shape },
  )

// x, dim and how many are selected
const selections: [number[], number, number][] = [
  [[3], 0, 4],
  [[1], 0, 3],
  [[2, 3], 0, 3],
  [[2, 3], 1, 2],
  [[3, 2], -1, 4],
  [[3, 2], -2, 1],
  [[4, 1], 0, 2],
  [[1, 4], 1, 5],
  [[2, 3], 1, 0],
  [[0, 3], 1, 2],
  [[2, 0], 0, 3],
  [[2, 2, 2], 0, 3],
  [[2, 3, 2], 1, 2],
  [[1, 2, 3], 2, 2],
  [[2, 1, 2], 1, 3],
  [[1, 1, 1], 0, 1],
  [[2, 1, 2, 2], 2, 3],
  [[1, 2, 1, 3], 3, 2],
  [[7], 0, 3],
  [[5, 2], 0, 2],
]
gradients(
  'indexSelect',
  selections.map(([shape, dim, count]) => {
    const index = indices(shape.at(dim) as number, [count])
    return [{ dim, count }, (x) => q.indexSelect(x, dim, index), { shape }]
  }),
)

const tables: [rows: number, width: number, index: number[]][] = [
  [4, 3, [5]],
  [1, 2, [3]],
  [3, 1, [2, 2]],
  [5, 2, []],
  [3, 2, [0]],
  [2, 0, [2]],
  [4, 2, [2, 1, 2]],
  [7, 1, [3]],
  [3, 3, [1, 1]],
  [2, 2, [1, 4]],
]
gradients(
  'embedding',
  tables.flatMap(([rows, width, shape]): Case[] => {
    const index = indices(rows, shape)
    return [{}, { paddingIdx: -1 }].map((options) => [
      [shape, options],
      // No more than that the padding's row has no gradient sets it apart, so it is taken out of what fn depends on.
      (w) => q.embedding(index, options.paddingIdx === undefined ? w : withoutLastRow(w), options),
      { shape: [rows, width] },
    ])
  }),
)

function withoutLastRow(w: F): F {
  const last = (w.shape[0] as number) - 1
  return q.concat([q.narrow(w, 0, 0, last), q.onesLike(q.narrow(w, 0, last, 1).detach())])
}

// x, dim and the index's shape
const gathers: [number[], number, number[]][] = [
  [[3], 0, [5]],
  [[1], 0, [2]],
  [[2, 3], 0, [4, 3]],
  [[2, 3], 1, [2, 2]],
  [[2, 3], 1, [1, 4]],
  [[3, 2], 0, [2, 1]],
  [[3, 2], -1, [3, 3]],
  [[4, 1], 0, [2, 1]],
  [[2, 3], 1, [2, 0]],
  [[2, 3], 0, [0, 3]],
  [[0, 3], 1, [0, 2]],
  [[2, 2, 2], 1, [2, 3, 2]],
  [[2, 2, 2], 0, [1, 2, 1]],
  [[1, 2, 3], 2, [1, 1, 2]],
  [[2, 1, 2], 1, [2, 3, 2]],
  [[1, 1, 1], 0, [3, 1, 1]],
  [[2, 1, 2, 2], 3, [2, 1, 1, 3]],
  [[1, 2, 1, 3], 1, [1, 2, 1, 2]],
  [[7], 0, [3]],
  [[5, 2], 0, [3, 2]],
]
gradients(
  'gather',
  gathers.map(([shape, dim, at]) => {
    const index = indices(shape.at(dim) as number, at)
    return [{ dim, at }, (x) => q.gather(x, dim, index), { shape }]
  }),
)
gradients(
  'scatterAdd',
  gathers.map(([shape, dim, at], i) => {
    // Of some the last aims at nothing.
    const index = indices(shape.at(dim) as number, at)
    const aims = i % 4 === 0 ? q.sub(index, 1) : index
    const source = at.map((n) => n + (i % 2))
    return [{ dim, at }, (x, s) => q.scatterAdd(x, dim, aims, s), ...sized(shape, source)]
  }),
)
gradients(
  'topk',
  selections.map(([shape, dim], i) => {
    const k = Math.min(shape.at(dim) as number, 1 + (i % 3))
    const options = { dim, largest: i % 2 === 0 }
    return [{ k, ...options }, (x) => q.topk(x, k, options).values, { shape, apart: true }]
  }),
)

// ---- padding: amounts on the last dimension first

const pads: [number[], number[]][] = [
  [[3], [1, 2]],
  [[2], [1, 0]],
  [
    [2, 3],
    [2, 1],
  ],
  [
    [2, 3],
    [1, 1, 1, 0],
  ],
  [
    [3, 2],
    [0, 0, 2, 1],
  ],
  [
    [3, 3],
    [-1, 2],
  ],
  [
    [4, 2],
    [0, 1, -1, -1],
  ],
  [
    [0, 3],
    [1, 2],
  ],
  [[3], [-1, -1]],
  [
    [2, 2, 2],
    [1, 1, 0, 1, 1, 0],
  ],
  [
    [1, 2, 3],
    [2, 2, 1, 1],
  ],
  [
    [1, 1, 4],
    [3, 0],
  ],
  [
    [2, 1, 2, 2],
    [1, 1, 1, 1],
  ],
  [
    [1, 2, 2, 3],
    [0, 2, 1, 0],
  ],
  [[7], [0, 0]],
  [[5], [4, 0]],
  [
    [1, 3],
    [0, 2],
  ],
  [
    [2, 2],
    [-1, 0, 0, 1],
  ],
  [
    [2, 0, 2],
    [1, 0],
  ],
  [
    [3, 1],
    [0, 0, 1, 1],
  ],
]
for (const mode of ['constant', 'reflect', 'replicate'] as const) {
  gradients(
    `pad ${mode}`,
    pads.map(([shape, amounts]) => [amounts, (x) => q.pad(x, amounts, { mode, value: 2 }), { shape }]),
  )
}

// ---- rearranging

const all = (shape: readonly number[]) => shape.map((_, d) => d)
gradients(
  'flip',
  shapes.map((shape, i) => {
    const dims = all(shape).filter((d) => i % 3 !== d)
    return [dims, (x) => q.flip(x, dims), { shape }]
  }),
)
gradients(
  'tile',
  shapes.map((shape, i) => {
    const repeats = shape.slice(i % 2).map((_, d) => 1 + ((i + d) % 2))
    return [repeats, (x) => q.tile(x, repeats), { shape }]
  }),
)
gradients(
  'repeat',
  shapes.map((shape, i) => {
    const repeats = [...(i % 2 ? [2] : []), ...shape.map((_, d) => (i + d) % 3)]
    return [repeats, (x) => q.repeat(x, repeats), { shape }]
  }),
)
gradients(
  'split',
  selections.map(([shape, dim]) => {
    const n = shape.at(dim) as number
    const sizes = n > 1 ? [1, 0, n - 1] : 2
    return [{ sizes, dim }, (x) => q.concat(q.split(x, sizes, dim).reverse(), dim), { shape }]
  }),
)
gradients(
  'chunk',
  selections.map(([shape, dim]) => [dim, (x) => q.concat(q.chunk(x, 2, dim).reverse(), dim), { shape }]),
)
