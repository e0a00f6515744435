// Products, convolutions, norms and dropout.
import * as q from 'quern'
import { type Operation, op } from './operation.js'
import * as p from './parameters.js'
import type { Random } from './random.js'
import { batched, floats } from './tensors.js'

const dtypeOf = (r: Random) => r.pick(['float32', 'float64'] as const)
/** Makes tensors of one float dtype, left out now and then where they may be. */
const maker = (r: Random) => {
  const dtype = dtypeOf(r)
  return (...shape: number[]) => floats(r, shape, { dtype })
}
const extra = (tied: number[] = [0], ranks = [1]) => p.float({ ranks, tied, optional: true })

const products: Operation[] = [
  op('matmul', q.matmul, [p.float({ least: 1, tied: [-1] }), p.float({ least: 1, tied: [-2] })], (r) => {
    const make = maker(r)
    const [m, k, n] = [r.size(), r.size(), r.size()]
    const batch = r.pick([[], [], [2], [3, 1]])
    const left = r.pick([[...batch, m, k], [m, k], [k]])
    return [make(...left), r.pick([make(...batch, k, n), make(k, n), ...(left.length > 1 ? [make(k)] : [])])]
  }),
  op(
    'linear',
    q.linear,
    [p.float({ least: 1, tied: [-1] }), p.float({ ranks: [2], tied: [1] })],
    (r) => {
      const make = maker(r)
      const [inner, out] = [r.size(), r.size()]
      const x = make(...r.shape(r.integer(0, 2)), inner)
      return [x, make(out, inner), r.options({ bias: make(out) })]
    },
    { options: { bias: extra() } },
  ),
]

const padding = (parameter: p.Parameter) => p.also(parameter, 'ARGUMENT', 'SAME')
const notPadded = {
  wrong: (right: unknown, first: unknown) =>
    p
      .pair(0)
      .wrong(right, first)
      .filter((w) => w.value !== 'x'),
}

const convolution: Operation[] = [
  op(
    'conv1d',
    q.conv1d,
    [p.lines([-2]), p.float({ ranks: [3], tied: [1] })],
    (r) => {
      const make = maker(r)
      const [groups, k] = [r.pick([1, 2, 3]), r.integer(1, 4)]
      const [ic, oc] = [groups * r.integer(1, 3), groups * r.integer(1, 5)]
      const options = { stride: r.pick([1, 2, 3]), padding: r.integer(0, 2), dilation: r.pick([1, 2]), bias: make(oc) }
      return [make(...batched(r, [ic, r.integer(7, 19)])), make(oc, ic / groups, k), { ...r.options(options), groups }]
    },
    {
      options: {
        ...{ stride: p.integer(1), padding: padding(p.integer(0)), dilation: p.integer(1), groups: p.integer(1) },
        bias: extra(),
      },
    },
  ),
  op(
    'conv2d',
    q.conv2d,
    [p.images([-3]), p.float({ ranks: [4], tied: [1] })],
    (r) => {
      const make = maker(r)
      const groups = r.pick([1, 1, 2, 4])
      const [ic, oc] = [groups * r.integer(1, 5), groups * r.integer(1, 9)]
      const options = {
        stride: r.pick([1, 2, [2, 1]]),
        padding: r.pick([1, 0, [0, 2], 2]),
        dilation: r.pick([1, [1, 2], 2]),
        bias: make(oc),
      }
      const weight = make(oc, ic / groups, r.integer(1, 3), r.integer(1, 3))
      if (r.chance(0.1)) Object.assign(options, { stride: 1, padding: r.pick(['same', 'valid']) })
      return [make(...batched(r, [ic, r.integer(5, 9), r.integer(5, 12)])), weight, { ...r.options(options), groups }]
    },
    {
      options: {
        ...{ stride: p.pair(1), padding: padding(notPadded), dilation: p.pair(1), groups: p.integer(1), bias: extra() },
      },
    },
  ),
  op(
    'convTranspose2d',
    q.convTranspose2d,
    [p.images([-3]), p.float({ ranks: [4], tied: [0] })],
    (r) => {
      const make = maker(r)
      const groups = r.pick([1, 1, 2])
      const [ic, out] = [groups * r.integer(1, 3), r.integer(1, 5)]
      const weight = make(ic, out, r.integer(2, 3), r.integer(2, 4))
      const options = {
        stride: r.pick([2, [2, 3]]),
        padding: r.pick([0, 1]),
        dilation: r.pick([1, 2]),
        bias: make(out * groups),
      }
      const more = options.stride === 2 ? { outputPadding: r.pick([0, 1]) } : {}
      return [
        make(...batched(r, [ic, r.integer(2, 6), r.integer(2, 6)])),
        weight,
        { ...r.options(options), ...more, stride: options.stride, groups },
      ]
    },
    {
      options: {
        ...{ stride: p.pair(1), padding: p.pair(0), dilation: p.pair(1), groups: p.integer(1), bias: extra() },
        outputPadding: p.pair(0),
      },
    },
  ),
]

const vector = (optional = true) => p.float({ ranks: [1], tied: [0], optional })
const affine = { weight: extra(), bias: extra(), eps: p.number(0) }

const norms: Operation[] = [
  op(
    'batchNorm',
    q.batchNorm,
    [p.float({ least: 2, tied: [1] }), vector(), vector()],
    (r) => {
      const make = maker(r)
      const c = r.size(1)
      const shape = r.pick([
        [5, c, 3, 2],
        [3, c],
        [2, c, 7],
      ])
      const [mean, variance] = [make(c).detach().contiguous(), make(c).square().detach().contiguous()]
      const options = { weight: make(c), bias: make(c), momentum: 0.3, eps: 1e-3 }
      return [make(...shape), mean, variance, { ...r.options(options), training: r.pick([false, true]) }]
    },
    { options: { ...affine, training: p.flag, momentum: p.number(0, 1) } },
  ),
  op(
    'layerNorm',
    q.layerNorm,
    [p.float({ least: 1, tied: [-1] }), p.refuses('SHAPE', 5, NaN, 'x', null, {}, [], [7], ['3'])],
    (r) => {
      const make = maker(r)
      const inner = r.shape(r.pick([1, 2]))
      return [
        make(...r.shape(1), ...inner),
        inner,
        r.options({ weight: make(...inner), bias: make(...inner), eps: 1e-3 }),
      ]
    },
    { options: affine },
  ),
  op(
    'groupNorm',
    q.groupNorm,
    [p.float({ least: 2 }), p.integer(1)],
    (r) => {
      const make = maker(r)
      const groups = r.integer(1, 3)
      const c = groups * r.integer(1, 4)
      const options = r.options({ weight: make(c), bias: make(c), eps: 1e-3 })
      return [make(r.size(), c, ...r.shape(r.integer(0, 2))), groups, options]
    },
    { options: affine },
  ),
  op(
    'localResponseNorm',
    q.localResponseNorm,
    [p.float({ least: 3 }), p.integer(1)],
    (r) => [
      ...[floats(r, r.shape(r.pick([4, 3])), { dtype: dtypeOf(r) }), r.integer(1, 6)],
      r.options({ alpha: 1e-3, beta: 0.5, k: 2 }),
    ],
    { options: { alpha: p.anyNumber, beta: p.anyNumber, k: p.anyNumber } },
  ),
  op(
    'normalize',
    q.normalize,
    [p.float()],
    (r) => [
      floats(r, r.shape(r.integer(2, 4), 1), { dtype: dtypeOf(r) }),
      r.options({ p: r.pick([2, 1, 3, Infinity]), dim: r.pick([1, 0, -1]), eps: 1e-6 }),
    ],
    { options: { p: p.refuses('ARGUMENT', 0, -1, NaN, 'x', null), dim: p.dim(), eps: p.number(0) } },
  ),
  op(
    'dropout',
    q.dropout,
    [p.float()],
    (r) => [
      floats(r, r.shape(), { dtype: dtypeOf(r) }),
      r.options({ p: r.pick([0.5, 0, 1]), training: r.pick([true, false]) }),
    ],
    { options: { p: p.number(0, 1), training: p.flag } },
  ),
  op(
    'dropout2d',
    q.dropout2d,
    [p.float({ least: 2 })],
    (r) => [
      ...[
        floats(r, r.shape(r.pick([4, 2, 3])), { dtype: dtypeOf(r) }),
        r.options({ p: r.pick([0.5, 0, 1]), training: r.pick([true, false]) }),
      ],
    ],
    { options: { p: p.number(0, 1), training: p.flag } },
  ),
]

export const functional: readonly Operation[] = [...products, ...convolution, ...norms]
