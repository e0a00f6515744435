import * as q from 'quern'
import { type Operation, op } from './operation.js'
import * as p from './parameters.js'
import type { Random } from './random.js'
import { floats, indices } from './tensors.js'

const reduction = p.oneOf('mean', 'sum', 'none')
const reduce = (r: Random) => ({ reduction: r.pick(['mean', 'sum', 'none']) })
const dtypeOf = (r: Random) => r.pick(['float32', 'float64'] as const)

/** Two tensors of one shape, in [low, high]. */
function twins(r: Random, low = -2, high = 2): [q.Tensor, q.Tensor] {
  const wanted = { dtype: dtypeOf(r), low, high }
  const shape = r.shape(r.integer(1, 3))
  return [floats(r, shape, wanted), floats(r, shape, wanted)]
}

const tied = p.float({ tied: [-1] })
const optional = p.float({ tied: [-1], optional: true })

const pointwise: Operation[] = [
  op('mseLoss', q.mseLoss, [tied, tied], (r) => [...twins(r), r.options(reduce(r))], { options: { reduction } }),
  op('l1Loss', q.l1Loss, [tied, tied], (r) => [...twins(r), r.options(reduce(r))], { options: { reduction } }),
  op('smoothL1Loss', q.smoothL1Loss, [tied, tied], (r) => [...twins(r), r.options({ ...reduce(r), beta: 0.5 })], {
    options: { reduction, beta: p.number(0) },
  }),
  op(
    'bceLoss',
    q.bceLoss,
    [tied, tied],
    (r) => {
      const [input, target] = twins(r, 0, 1)
      return [input, target, r.options({ ...reduce(r), weight: floats(r, input.shape, { dtype: input.dtype }) })]
    },
    { options: { reduction, weight: optional } },
  ),
  op(
    'bceWithLogitsLoss',
    q.bceWithLogitsLoss,
    [tied, tied],
    (r) => {
      const [input, target] = twins(r)
      const weight = () => floats(r, input.shape, { dtype: input.dtype })
      return [input, target, r.options({ ...reduce(r), weight: weight(), posWeight: weight() })]
    },
    { options: { reduction, weight: optional, posWeight: optional } },
  ),
  op(
    'klDivLoss',
    q.klDivLoss,
    [tied, tied],
    (r) => {
      const reduction = r.pick(['mean', 'sum', 'none', 'batchmean'])
      return [...twins(r, 0, 1), r.options({ reduction, logTarget: r.pick([true, false]) })]
    },
    { options: { reduction: p.oneOf('mean', 'sum', 'none', 'batchmean'), logTarget: p.flag } },
  ),
]

/** Scores (N,C), (C) or, with `more`, (N,C,d), targets for them and weights of the classes. */
function classes(r: Random, more: boolean): { input: q.Tensor; target: q.Tensor<'int32'>; weight: q.Tensor } {
  const [n, c, d] = [r.size(), r.size(1), r.size()]
  const dtype = dtypeOf(r)
  const shape = r.pick([[n, c], [c], more ? [n, c, d] : [n, c]])
  const target = indices(r, shape.length === 1 ? [] : shape.filter((_, i) => i !== 1), c)
  return { input: floats(r, shape, { dtype }), target, weight: floats(r, [c], { dtype }) }
}

const target = p.int32({ tied: [0] })
const weight = p.float({ ranks: [1], tied: [0], optional: true })
const scores = (ranks?: number[]) => p.float(ranks ? { ranks, tied: [0] } : { least: 1, tied: [0] })

const ofClasses: Operation[] = [
  op(
    'crossEntropy',
    q.crossEntropy,
    [scores(), p.refuses('ARGUMENT', undefined, null, 3, 'x', {})],
    (r) => {
      const { input, target, weight } = classes(r, true)
      const soft = r.chance(0.2)
      const options = { ...reduce(r), weight, labelSmoothing: 0.1, ...(soft ? {} : { ignoreIndex: r.pick([-100, 0]) }) }
      return [input, soft ? floats(r, input.shape, { dtype: input.dtype }) : target, r.options(options)]
    },
    { options: { reduction, weight, labelSmoothing: p.number(0, 1), ignoreIndex: p.integer() } },
  ),
  op(
    'nllLoss',
    q.nllLoss,
    [scores(), target],
    (r) => {
      const { input, target, weight } = classes(r, true)
      return [input, target, r.options({ ...reduce(r), weight, ignoreIndex: r.pick([-100, 0]) })]
    },
    { options: { reduction, weight, ignoreIndex: p.integer() } },
  ),
  op(
    'hingeLoss',
    q.hingeLoss,
    [scores([1, 2]), target],
    (r) => {
      const { input, target } = classes(r, false)
      return [input, target, r.options({ ...reduce(r), margin: 2 })]
    },
    { options: { reduction, margin: p.number() } },
  ),
  op(
    'multiMarginLoss',
    q.multiMarginLoss,
    [scores([1, 2]), target],
    (r) => {
      const { input, target, weight } = classes(r, false)
      return [input, target, r.options({ ...reduce(r), weight, margin: 2, p: r.pick([1, 2]) })]
    },
    { options: { reduction, weight, margin: p.number(), p: p.refuses('ARGUMENT', 0, 3, NaN, 'x', null) } },
  ),
]

export const losses: readonly Operation[] = [...pointwise, ...ofClasses]
