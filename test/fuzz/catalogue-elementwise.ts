import * as q from 'quern'
import { type Operation, op } from './operation.js'
import {
  any,
  anyNumber,
  arithmetic,
  bool,
  dim,
  dims,
  dtypeName,
  flag,
  float,
  integer,
  number,
  oneOf,
} from './parameters.js'
import type { Random } from './random.js'
import { anything, floats, strided } from './tensors.js'

const dtype = (r: Random) => r.pick(['float32', 'float64'] as const)
const one = (r: Random) => floats(r, r.shape(), { dtype: dtype(r) })

const unary: Operation[] = Object.entries({
  ...{ neg: q.neg, abs: q.abs, sign: q.sign, exp: q.exp, log: q.log, sqrt: q.sqrt, rsqrt: q.rsqrt, square: q.square },
  ...{ reciprocal: q.reciprocal, sin: q.sin, cos: q.cos, tanh: q.tanh, sigmoid: q.sigmoid, relu: q.relu },
  ...{ expm1: q.expm1, log1p: q.log1p, erf: q.erf, silu: q.silu, hardswish: q.hardswish, hardsigmoid: q.hardsigmoid },
  ...{ selu: q.selu, logSigmoid: q.logSigmoid, softsign: q.softsign, relu6: q.relu6, bernoulli: q.bernoulli },
}).map(([name, call]) => op(name, call, [float()], (r) => [one(r)]))

/** A shape that broadcasts with the other. */
const partner = (r: Random, shape: readonly number[]): number[] =>
  shape.slice(r.chance(0.2) ? 1 : 0).map((n) => (r.chance(0.2) ? 1 : n))

type Maker = (r: Random, shape: readonly number[]) => unknown

// Two operands, either of which may be a number.
function two(r: Random, make: Maker, numbers = true): unknown[] {
  const shape = r.shape()
  const [a, b] = r.chance(0.5) ? [shape, partner(r, shape)] : [partner(r, shape), shape]
  if (numbers && r.chance(0.15)) return [make(r, a), r.pick([0, 1, -2, 3])]
  if (numbers && r.chance(0.1)) return [r.pick([0, 1, -2, 3]), make(r, b)]
  return [make(r, a), make(r, b)]
}

const orNumber = { orNumber: true, tied: [-1] }
const ofDType = (dtype: q.DType): Maker => {
  const float = dtype === 'float32' || dtype === 'float64'
  return (r, shape) => (float ? floats(r, shape, { dtype }) : strided(r, shape, { dtype }))
}
const arithmeticOps = { add: q.add, sub: q.sub, mul: q.mul, maximum: q.maximum, minimum: q.minimum }
const floatOps = { div: q.div, pow: q.pow }
const compareOps = { eq: q.eq, ne: q.ne, lt: q.lt, le: q.le, gt: q.gt, ge: q.ge }

const binary: Operation[] = [
  ...Object.entries(arithmeticOps).map(([name, call]) =>
    op(name, call, [arithmetic(orNumber), arithmetic(orNumber)], (r) =>
      two(r, ofDType(r.pick(['float32', 'float64', 'int32']))),
    ),
  ),
  ...Object.entries(floatOps).map(([name, call]) =>
    op(name, call, [float(orNumber), float(orNumber)], (r) => two(r, ofDType(dtype(r)))),
  ),
  ...Object.entries(compareOps).map(([name, call]) =>
    op(name, call, [any({ tied: [-1] }), any(orNumber)], (r) => {
      const [a, b] = two(r, ofDType(r.pick(['float32', 'float64', 'int32', 'uint8', 'bool'])))
      return typeof a === 'number' ? [b, a] : [a, b]
    }),
  ),
  op('where', q.where, [bool({ tied: [-1] }), float(orNumber), float(orNumber)], (r) => {
    const shape = r.shape()
    const kind = dtype(r)
    const condition = strided(r, partner(r, shape), { dtype: 'bool', low: 0, high: 1 })
    return [condition, floats(r, shape, { dtype: kind }), r.chance(0.2) ? 1 : floats(r, shape, { dtype: kind })]
  }),
  op('clamp', q.clamp, [float(), anyNumber, anyNumber], (r) => [one(r), r.pick([-1, 0.5]), r.pick([1, Infinity])]),
  op('to', q.to, [any(), dtypeName], (r) => [
    anything(r, r.shape()),
    r.pick(['float32', 'float64', 'int32', 'uint8', 'bool'] as const),
  ]),
]

const activations: Operation[] = [
  op('gelu', q.gelu, [float()], (r) => [one(r), r.options({ approximate: r.pick(['none', 'tanh']) })], {
    options: { approximate: oneOf('none', 'tanh') },
  }),
  op('leakyRelu', q.leakyRelu, [float()], (r) => [one(r), r.options({ negativeSlope: 0.1 })], {
    options: { negativeSlope: number() },
  }),
  op('elu', q.elu, [float()], (r) => [one(r), r.options({ alpha: 2 })], { options: { alpha: number() } }),
  op('softplus', q.softplus, [float()], (r) => [one(r), r.options({ beta: 2, threshold: 10 })], {
    options: { beta: number(), threshold: number() },
  }),
  op('hardtanh', q.hardtanh, [float()], (r) => [one(r), r.options({ minVal: -1, maxVal: 2 })], {
    options: { minVal: number(), maxVal: number(-1) },
  }),
]

const withOptions = (r: Random, options: object, rank = r.integer(1, 4)) => [
  floats(r, r.shape(rank), { dtype: dtype(r) }),
  r.options(options),
]
const reduceOps = {
  sum: q.sum,
  mean: q.mean,
  prod: q.prod,
  max: q.max,
  min: q.min,
  norm: q.norm,
  logsumexp: q.logsumexp,
}

const reductions: Operation[] = [
  ...Object.entries(reduceOps).map(([name, call]) =>
    op(
      name,
      call,
      [float()],
      (r) => {
        const rank = r.integer(1, 4)
        const some = r.pick([0, -1, [0], [rank - 1, 0].slice(0, rank)])
        return withOptions(r, { dim: some, keepdim: r.pick([true, false]) }, rank)
      },
      { options: { dim: dims, keepdim: flag } },
    ),
  ),
  ...Object.entries({ variance: q.variance, std: q.std }).map(([name, call]) =>
    op(name, call, [float()], (r) => withOptions(r, { dim: r.pick([0, -1, [0]]), keepdim: true, correction: 0 }), {
      options: { dim: dims, keepdim: flag, correction: anyNumber },
    }),
  ),
  ...Object.entries({ argmax: q.argmax, argmin: q.argmin }).map(([name, call]) =>
    op(name, call, [float()], (r) => withOptions(r, { dim: r.pick([0, -1]), keepdim: true }), {
      options: { dim: dim(), keepdim: flag },
    }),
  ),
  ...Object.entries({ softmax: q.softmax, logSoftmax: q.logSoftmax }).map(([name, call]) =>
    op(name, call, [float()], (r) => [one(r), { dim: r.pick([0, -1]) }], { options: { dim: dim() } }),
  ),
  op('cumsum', q.cumsum, [arithmetic()], (r) => [one(r), { dim: r.pick([0, -1]) }], { options: { dim: dim() } }),
  op(
    'topk',
    q.topk,
    [float(), integer(0)],
    (r) => {
      const shape = r.shape(r.integer(1, 3))
      const at = r.integer(0, shape.length - 1)
      const rest = { largest: r.pick([true, false]), sorted: true }
      return [floats(r, shape), r.integer(0, shape[at] as number), { ...r.options(rest), dim: at }]
    },
    { options: { dim: dim(), largest: flag, sorted: flag } },
  ),
]

export const elementwise: readonly Operation[] = [...unary, ...binary, ...activations, ...reductions]
