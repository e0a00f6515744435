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
  type Parameter,
} from './parameters.js'
import type { Random } from './random.js'
import { type AnyTensor, anything, floats, strided } from './tensors.js'

const floatDTypes = ['float32', 'float64'] as const
const dtype = (r: Random) => r.pick(floatDTypes)
const one = (r: Random) => floats(r, r.shape(), { dtype: dtype(r) })
const arithmeticDTypes = [...floatDTypes, 'int32'] as const
const allDTypes = [...arithmeticDTypes, 'uint8', 'bool'] as const
const oneArithmetic = (r: Random) => ofDType(r.pick(arithmeticDTypes))(r, r.shape())

const floatUnary = {
  ...{ exp: q.exp, log: q.log, sqrt: q.sqrt, rsqrt: q.rsqrt, floor: q.floor, ceil: q.ceil, round: q.round },
  ...{
    trunc: q.trunc,
    reciprocal: q.reciprocal,
    sin: q.sin,
    cos: q.cos,
    tanh: q.tanh,
    sigmoid: q.sigmoid,
    relu: q.relu,
  },
  ...{ expm1: q.expm1, log1p: q.log1p, erf: q.erf, silu: q.silu, hardswish: q.hardswish, hardsigmoid: q.hardsigmoid },
  ...{ selu: q.selu, logSigmoid: q.logSigmoid, softsign: q.softsign, relu6: q.relu6, bernoulli: q.bernoulli },
}
const arithmeticUnary = { neg: q.neg, abs: q.abs, sign: q.sign, square: q.square }
const anyUnary = { logicalNot: q.logicalNot, isnan: q.isnan, isinf: q.isinf, isfinite: q.isfinite }

const unary: Operation[] = [
  ...Object.entries(floatUnary).map(([name, call]) => op(name, call, [float()], (r) => [one(r)])),
  ...Object.entries(arithmeticUnary).map(([name, call]) => op(name, call, [arithmetic()], (r) => [oneArithmetic(r)])),
  ...Object.entries(anyUnary).map(([name, call]) => op(name, call, [any()], (r) => [anything(r, r.shape())])),
]

/** A shape that broadcasts with the other. */
const partner = (r: Random, shape: readonly number[]): number[] =>
  shape.slice(r.chance(0.2) ? 1 : 0).map((n) => (r.chance(0.2) ? 1 : n))

type Maker = (r: Random, shape: readonly number[]) => AnyTensor

// Two operands, either of which may be a number.
function two(r: Random, make: Maker, numbers = true): unknown[] {
  const shape = r.shape()
  const [a, b] = r.chance(0.5) ? [shape, partner(r, shape)] : [partner(r, shape), shape]
  if (numbers && r.chance(0.15)) return [make(r, a), r.pick([0, 1, -2, 3])]
  if (numbers && r.chance(0.1)) return [r.pick([0, 1, -2, 3]), make(r, b)]
  return [make(r, a), make(r, b)]
}

const orNumber = { orNumber: true, tied: [-1], sameDType: true }
const ofDType = (dtype: q.DType): Maker => {
  const float = dtype === 'float32' || dtype === 'float64'
  const low = dtype === 'uint8' || dtype === 'bool' ? 0 : -2
  return (r, shape) => (float ? (floats(r, shape, { dtype }) as AnyTensor) : strided(r, shape, { dtype, low }))
}
const arithmeticOps = { add: q.add, sub: q.sub, mul: q.mul, div: q.div, maximum: q.maximum, minimum: q.minimum }
const logicalOps = { logicalAnd: q.logicalAnd, logicalOr: q.logicalOr, logicalXor: q.logicalXor }
const compareOps = { eq: q.eq, ne: q.ne, lt: q.lt, le: q.le, gt: q.gt, ge: q.ge }

const binary: Operation[] = [
  ...Object.entries(arithmeticOps).map(([name, call]) =>
    op(name, call, [arithmetic(orNumber), arithmetic(orNumber)], (r) => two(r, ofDType(r.pick(arithmeticDTypes)))),
  ),
  op('pow', q.pow, [float(orNumber), float(orNumber)], (r) => two(r, ofDType(dtype(r)))),
  ...Object.entries(logicalOps).map(([name, call]) =>
    op(name, call, [any({ tied: [-1], anyFloat: true }), any({ tied: [-1], anyFloat: true })], (r) =>
      two(r, anything, false),
    ),
  ),
  ...Object.entries(compareOps).map(([name, call]) =>
    op(name, call, [any({ tied: [-1], sameDType: true }), any(orNumber)], (r) => {
      const [a, b] = two(r, ofDType(r.pick(allDTypes)))
      return typeof a === 'number' ? [b, a] : [a, b]
    }),
  ),
  op('where', q.where, [bool({ tied: [-1] }), any(orNumber), any(orNumber)], (r) => {
    const shape = r.shape()
    const make = ofDType(r.pick(allDTypes))
    const condition = strided(r, partner(r, shape), { dtype: 'bool', low: 0, high: 1 })
    return [condition, make(r, shape), r.chance(0.2) ? 1 : make(r, shape)]
  }),
  op('clamp', q.clamp, [arithmetic(), anyNumber, anyNumber], (r) => {
    const x = oneArithmetic(r)
    return [x, r.pick([-1, x.dtype === 'int32' ? 0 : 0.5]), r.pick([1, Infinity])]
  }),
  op('to', q.to, [any(), dtypeName], (r) => [anything(r, r.shape()), r.pick(allDTypes)]),
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

const withOptions = (r: Random, options: object, rank: number, dtypes: readonly q.DType[]) => [
  ofDType(r.pick(dtypes))(r, r.shape(rank)),
  r.options(options),
]
const anyReduceOps = { sum: q.sum, prod: q.prod, max: q.max, min: q.min, any: q.any, all: q.all }
const floatReduceOps = { mean: q.mean, norm: q.norm, logsumexp: q.logsumexp }

// What reduces tensors of these dtypes over some dimensions.
const reducing = (functions: object, x: Parameter, dtypes: readonly q.DType[]): Operation[] =>
  Object.entries(functions).map(([name, call]) =>
    op(
      name,
      call,
      [x],
      (r) => {
        const rank = r.integer(1, 4)
        const some = r.pick([0, -1, [0], [rank - 1, 0].slice(0, rank)])
        return withOptions(r, { dim: some, keepdim: r.pick([true, false]) }, rank, dtypes)
      },
      { options: { dim: dims, keepdim: flag } },
    ),
  )

const reductions: Operation[] = [
  ...reducing(anyReduceOps, any(), allDTypes),
  ...reducing(floatReduceOps, float(), floatDTypes),
  ...Object.entries({ variance: q.variance, std: q.std }).map(([name, call]) =>
    op(
      name,
      call,
      [float()],
      (r) => withOptions(r, { dim: r.pick([0, -1, [0]]), keepdim: true, correction: 0 }, r.integer(1, 4), floatDTypes),
      { options: { dim: dims, keepdim: flag, correction: anyNumber } },
    ),
  ),
  ...Object.entries({ argmax: q.argmax, argmin: q.argmin }).map(([name, call]) =>
    op(
      name,
      call,
      [any()],
      (r) => withOptions(r, { dim: r.pick([0, -1]), keepdim: true }, r.integer(1, 4), allDTypes),
      { options: { dim: dim(), keepdim: flag } },
    ),
  ),
  ...Object.entries({ softmax: q.softmax, logSoftmax: q.logSoftmax }).map(([name, call]) =>
    op(name, call, [float()], (r) => [one(r), { dim: r.pick([0, -1]) }], { options: { dim: dim() } }),
  ),
  op('cumsum', q.cumsum, [arithmetic()], (r) => [oneArithmetic(r), { dim: r.pick([0, -1]) }], {
    options: { dim: dim() },
  }),
  op(
    'topk',
    q.topk,
    [arithmetic(), integer(0)],
    (r) => {
      const shape = r.shape(r.integer(1, 3))
      const at = r.integer(0, shape.length - 1)
      const rest = { largest: r.pick([true, false]), sorted: true }
      const x = ofDType(r.pick(arithmeticDTypes))(r, shape)
      return [x, r.integer(0, shape[at] as number), { ...r.options(rest), dim: at }]
    },
    { options: { dim: dim(), largest: flag, sorted: flag } },
  ),
]

export const elementwise: readonly Operation[] = [...unary, ...binary, ...activations, ...reductions]
