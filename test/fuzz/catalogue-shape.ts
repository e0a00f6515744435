// Creation, views, rearrangement and indexing.
import * as q from 'quern'
import { type Operation, op } from './operation.js'
import * as p from './parameters.js'
import type { Random } from './random.js'
import { anything, floats, indices, strided } from './tensors.js'

const made = { dtype: p.dtypeName, requiresGrad: p.flag }
const floatDType = p.also(p.dtypeName, 'DTYPE', 'int32', 'uint8', 'bool')
const floatMade = { dtype: floatDType, requiresGrad: p.flag }
const dtypeOf = (r: Random) => r.pick(['float32', 'float64', 'int32', 'uint8', 'bool'] as const)
const makeOptions = (r: Random) => r.options({ dtype: dtypeOf(r) })
const floatOptions = (r: Random) => r.options({ dtype: r.pick(['float32', 'float64'] as const), requiresGrad: true })

const creation: Operation[] = [
  op(
    'tensor',
    q.tensor,
    [p.refuses('ARGUMENT', undefined, null, 'x', {}, true, ['1'], [[1], [null]])],
    (r) => {
      const n = r.size()
      const values = Array.from({ length: n }, () => r.integer(0, 9))
      const data = r.pick([values, [values, values], Float64Array.from(values), Int32Array.from(values), 3])
      return [data, makeOptions(r)]
    },
    { options: { ...made, shape: p.shape } },
  ),
  ...Object.entries({ zeros: q.zeros, ones: q.ones, empty: q.empty }).map(([name, call]) =>
    op(name, call, [p.shape], (r) => [r.shape(), makeOptions(r)], { options: made }),
  ),
  ...Object.entries({ rand: q.rand, randn: q.randn }).map(([name, call]) =>
    op(name, call, [p.shape], (r) => [r.shape(), floatOptions(r)], { options: floatMade }),
  ),
  op('full', q.full, [p.shape, p.anyNumber], (r) => [r.shape(), r.pick([3, 0, -1.5]), makeOptions(r)], {
    options: made,
  }),
  ...Object.entries({ zerosLike: q.zerosLike, onesLike: q.onesLike }).map(([name, call]) =>
    op(name, call, [p.any()], (r) => [anything(r, r.shape())]),
  ),
  op('randint', q.randint, [p.integer(), p.integer(1), p.shape], (r) => [0, r.integer(1, 9), r.shape()]),
  op(
    'arange',
    q.arange,
    [p.number(), p.refuses('ARGUMENT', 'x', null, NaN, Infinity, 2 ** 53), p.refuses('ARGUMENT', 0, NaN, 'x', null)],
    (r) => [0, r.size(), r.pick([1, 0.5, 2]), makeOptions(r)],
    { options: made },
  ),
  op('linspace', q.linspace, [p.anyNumber, p.anyNumber, p.integer(0)], (r) => [0, 1, r.size(), floatOptions(r)], {
    options: floatMade,
  }),
  op(
    'eye',
    q.eye,
    [p.integer(0, 2 ** 31 - 1, 'SHAPE'), p.integer(0, 2 ** 31 - 1, 'SHAPE')],
    (r) => [...[r.size(), r.size()], makeOptions(r)],
    { options: made },
  ),
  op('randperm', q.randperm, [p.integer(0)], (r) => [r.size()]),
  op('manualSeed', q.manualSeed, [p.refuses('ARGUMENT', NaN, 'x', null, {}, Infinity, 2 ** 54)], (r) => [
    r.integer(0, 9),
  ]),
]

const x = p.any()
const tensorOf = (r: Random, rank = r.pick([2, 1, 3, 4])) => anything(r, r.shape(rank))
const product = (shape: readonly number[]) => shape.reduce((a, b) => a * b, 1)
const sizes = p.refuses('ARGUMENT', 'x', null, {}, Number.NaN, ['x'], [0.5], [-1])

const views: Operation[] = [
  op('contiguous', q.contiguous, [x], (r) => [tensorOf(r)]),
  op('clone', q.clone, [x], (r) => [tensorOf(r)]),
  op('reshape', q.reshape, [x, p.also(p.shape, 'SHAPE', [-1, -1], [7, 7])], (r) => {
    const t = tensorOf(r)
    const all = product(t.shape)
    return [t, r.pick([[all], [1, all], [...t.shape].reverse(), all === 0 ? [0] : [-1, 1]])]
  }),
  op(
    'view',
    (t, shape) => q.Tensor.prototype.view.call(t, shape),
    [p.also(x, 'ARGUMENT'), p.shape],
    (r) => {
      const t = q.clone(q.contiguous(tensorOf(r)))
      return [t, [product(t.shape)]]
    },
  ),
  op('flatten', q.flatten, [x, p.dim(), p.dim()], (r) => [tensorOf(r), 0, -1]),
  op('permute', q.permute, [x, p.refuses('SHAPE', 'x', null, 3, {}, [], [0, 0], [0, 5], [0, NaN], ['0', 1])], (r) => {
    const t = tensorOf(r, r.pick([2, 1, 3, 4]))
    const turn = r.integer(0, 3)
    return [t, t.shape.map((_, i) => (i + turn) % t.ndim)]
  }),
  op('transpose', q.transpose, [x, p.dim(), p.dim()], (r) => [tensorOf(r), 0, -1]),
  op('squeeze', q.squeeze, [x, p.dim()], (r) => [tensorOf(r), r.pick([0, -1, undefined])]),
  op('unsqueeze', q.unsqueeze, [x, p.dim(1)], (r) => [tensorOf(r), r.pick([0, -1, 1])]),
  op('expand', q.expand, [x, p.also(p.shape, 'SHAPE', [], [5, 5], [-1, 3, 3])], (r) => {
    const t = tensorOf(r)
    return [t, [r.size(), ...t.shape.map((n) => (n === 1 ? r.size() : r.pick([n, -1])))]]
  }),
  op('slice', q.slice, [x, p.dim(), p.integer(), p.integer(), p.integer(1)], (r) => [
    tensorOf(r),
    0,
    r.integer(-3, 3),
    r.integer(-3, 20),
    r.integer(1, 3),
  ]),
  op(
    'narrow',
    q.narrow,
    [x, p.dim(), p.refuses('SHAPE', 9, NaN, 'x', null), p.refuses('SHAPE', -1, 9, NaN, 'x')],
    (r) => {
      const t = tensorOf(r)
      const start = r.integer(0, t.shape[0] as number)
      return [t, 0, start, (t.shape[0] as number) - start]
    },
  ),
  ...Object.entries({ concat: q.concat, stack: q.stack }).map(([name, call]) =>
    op(name, call, [p.listed({ ...p.any({ tied: [-1] }), sameFloat: true }), p.dim(name === 'stack' ? 1 : 0)], (r) => {
      const [dtype, shape] = [dtypeOf(r), r.shape(r.pick([2, 1, 3]))]
      return [Array.from({ length: r.integer(1, 2) + 1 }, () => strided(r, shape, { dtype, low: 0 })), 0]
    }),
  ),
]

const rearrangement: Operation[] = [
  op('split', q.split, [x, sizes, p.dim()], (r) => {
    const t = tensorOf(r)
    const n = t.shape[0] as number
    return [t, r.pick([Math.max(1, n - 1), [n], [0, n]]), 0]
  }),
  op('chunk', q.chunk, [x, p.integer(1), p.dim()], (r) => [tensorOf(r), r.integer(1, 4), r.pick([0, -1])]),
  op(
    'pad',
    q.pad,
    [x, p.refuses('ARGUMENT', 'x', null, 3, {}, [1], [1, 2, 3], [0.5, 1], ['1', 1])],
    (r) => {
      const t = anything(r, r.shape(r.integer(1, 3), 2))
      const mode = r.pick(['constant', 'reflect', 'replicate', 'circular'] as const)
      return [t, r.pick([[1, 1], [0, 1], [], [1, 0]]), r.options({ mode, value: 2 })]
    },
    { options: { mode: p.oneOf('constant', 'reflect', 'replicate', 'circular'), value: p.anyNumber } },
  ),
  op('flip', q.flip, [x, p.dims], (r) => [tensorOf(r), r.pick([0, -1, [0]])]),
  op('tile', q.tile, [x, sizes], (r) => [tensorOf(r), r.pick([[2, 1], [3], [0], []])]),
  op('repeat', q.repeat, [x, sizes], (r) => {
    const t = tensorOf(r, r.pick([2, 1, 3]))
    return [t, [r.integer(0, 2), ...t.shape.map(() => r.integer(1, 2))]]
  }),
]

const index = (ranks?: number[]) => p.int32(ranks ? { ranks } : {})

const indexing: Operation[] = [
  op('indexSelect', q.indexSelect, [p.any(), p.dim(), index([1])], (r) => {
    const t = tensorOf(r)
    return [t, 0, indices(r, [r.size()], t.shape[0] as number)]
  }),
  op('gather', q.gather, [p.any({ least: 1 }), p.dim(), p.int32({ ranks: [2] })], (r) => {
    const t = anything(r, r.shape(2))
    const [n, m] = t.shape as [number, number]
    return [t, 0, indices(r, [r.size(), m], n)]
  }),
  op(
    'scatterAdd',
    q.scatterAdd,
    [p.any(), p.dim(), p.int32({ ranks: [2] }), { ...p.any({ ranks: [2] }), sameFloat: true }],
    (r) => {
      const [n, m, rows] = [r.size(), r.size(), r.size()]
      const dtype = dtypeOf(r)
      return [
        ...[strided(r, [n, m], { dtype, low: 0 }), 0],
        ...[indices(r, [rows, m], n), strided(r, [rows, m], { dtype, low: 0 })],
      ]
    },
  ),
  op('oneHot', q.oneHot, [index(), p.integer(1)], (r) => {
    const classes = r.size(1)
    return [indices(r, r.shape(), classes), classes]
  }),
  op(
    'embedding',
    q.embedding,
    [index(), p.float({ ranks: [2] })],
    (r) => {
      const [rows, width] = [r.size(1), r.size()]
      return [
        indices(r, r.shape(), rows),
        floats(r, [rows, width]),
        r.options({ paddingIdx: r.integer(-rows, rows - 1) }),
      ]
    },
    { options: { paddingIdx: p.integer(-3, 2) } },
  ),
]

export const shapes: readonly Operation[] = [...creation, ...views, ...rearrangement, ...indexing]
