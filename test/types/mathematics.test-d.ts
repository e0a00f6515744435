// Checked by `npm run types`: for every function of elements and reduction a call that compiles and then one that must not. One without an
// entry is an error too. Nothing here runs.
import * as q from 'quern'
import { double, mask, whole, x } from './values.js'

export const mathematics = {
  abs: () => [
    q.abs(whole),
    // @ts-expect-error
    q.abs(mask),
  ],
  add: () => [
    q.add(2, whole),
    // @ts-expect-error
    q.add(x, double),
  ],
  all: () => [
    q.all(mask, { dim: 0 }),
    // @ts-expect-error
    q.all(mask, { axis: 0 }),
  ],
  any: () => [
    q.any(mask, { dim: 0 }),
    // @ts-expect-error
    q.any(mask, { axis: 0 }),
  ],
  argmax: () => [
    q.argmax(whole, { dim: 0 }).oneHot(3),
    // @ts-expect-error
    q.argmax(x, { dim: [0, 1] }),
  ],
  argmin: () => [
    q.argmin(whole, { dim: 0 }).oneHot(3),
    // @ts-expect-error
    q.argmin(x, { dim: [0, 1] }),
  ],
  ceil: () => [
    q.ceil(x),
    // @ts-expect-error
    q.ceil(whole),
  ],
  clamp: () => [
    q.clamp(whole, 0),
    // @ts-expect-error
    q.clamp(mask, 0),
  ],
  cos: () => [
    q.cos(x),
    // @ts-expect-error
    q.cos(whole),
  ],
  cumsum: () => [
    q.cumsum(whole, { dim: 0 }),
    // @ts-expect-error
    q.cumsum(mask, { dim: 0 }),
  ],
  div: () => [
    q.div(whole, 2).softmax({ dim: 0 }),
    // @ts-expect-error
    q.div(x, double),
  ],
  eq: () => [
    q.eq(whole, 2).any(),
    // @ts-expect-error
    q.eq(x, double),
  ],
  erf: () => [
    q.erf(x),
    // @ts-expect-error
    q.erf(whole),
  ],
  exp: () => [
    q.exp(x),
    // @ts-expect-error
    q.exp(whole),
  ],
  expm1: () => [
    q.expm1(x),
    // @ts-expect-error
    q.expm1(whole),
  ],
  floor: () => [
    q.floor(x),
    // @ts-expect-error
    q.floor(whole),
  ],
  ge: () => [
    q.ge(whole, 2).any(),
    // @ts-expect-error
    q.ge(x, double),
  ],
  gt: () => [
    q.gt(whole, 2).any(),
    // @ts-expect-error
    q.gt(x, double),
  ],
  isfinite: () => [
    q.isfinite(whole),
    // @ts-expect-error
    q.isfinite(1),
  ],
  isinf: () => [
    q.isinf(whole),
    // @ts-expect-error
    q.isinf(1),
  ],
  isnan: () => [
    q.isnan(whole),
    // @ts-expect-error
    q.isnan(1),
  ],
  le: () => [
    q.le(whole, 2).any(),
    // @ts-expect-error
    q.le(x, double),
  ],
  log: () => [
    q.log(x),
    // @ts-expect-error
    q.log(whole),
  ],
  log1p: () => [
    q.log1p(x),
    // @ts-expect-error
    q.log1p(whole),
  ],
  logicalAnd: () => [
    q.logicalAnd(mask, whole),
    // @ts-expect-error
    q.logicalAnd(mask, true),
  ],
  logicalNot: () => [
    q.logicalNot(whole),
    // @ts-expect-error
    q.logicalNot(1),
  ],
  logicalOr: () => [
    q.logicalOr(mask, whole),
    // @ts-expect-error
    q.logicalOr(mask, true),
  ],
  logicalXor: () => [
    q.logicalXor(mask, whole),
    // @ts-expect-error
    q.logicalXor(mask, true),
  ],
  logsumexp: () => [
    q.logsumexp(x, { dim: 0 }),
    // @ts-expect-error
    q.logsumexp(whole),
  ],
  lt: () => [
    q.lt(whole, 2).any(),
    // @ts-expect-error
    q.lt(x, double),
  ],
  matmul: () => [
    q.matmul(x, x),
    // @ts-expect-error
    q.matmul(x, double),
  ],
  max: () => [
    q.max(whole).oneHot(2),
    // @ts-expect-error
    q.max(x, 0),
  ],
  maximum: () => [
    q.maximum(2, whole),
    // @ts-expect-error
    q.maximum(x, double),
  ],
  mean: () => [
    q.mean(x, { dim: [0, 1], keepdim: true }),
    // @ts-expect-error
    q.mean(whole),
  ],
  min: () => [
    q.min(x).exp(),
    // @ts-expect-error
    q.min(x, { dims: 0 }),
  ],
  minimum: () => [
    q.minimum(2, whole),
    // @ts-expect-error
    q.minimum(x, double),
  ],
  mul: () => [
    q.mul(2, whole),
    // @ts-expect-error
    q.mul(x, double),
  ],
  ne: () => [
    q.ne(whole, 2).any(),
    // @ts-expect-error
    q.ne(x, double),
  ],
  neg: () => [
    q.neg(whole),
    // @ts-expect-error
    q.neg(mask),
  ],
  norm: () => [
    q.norm(x, { dim: 0 }),
    // @ts-expect-error
    q.norm(whole),
  ],
  pow: () => [
    q.pow(x, 2),
    // @ts-expect-error
    q.pow(whole, 2),
  ],
  prod: () => [
    q.prod(x).exp(),
    // @ts-expect-error
    q.prod(mask).exp(),
  ],
  reciprocal: () => [
    q.reciprocal(x),
    // @ts-expect-error
    q.reciprocal(whole),
  ],
  round: () => [
    q.round(x),
    // @ts-expect-error
    q.round(whole),
  ],
  rsqrt: () => [
    q.rsqrt(x),
    // @ts-expect-error
    q.rsqrt(whole),
  ],
  sign: () => [
    q.sign(whole),
    // @ts-expect-error
    q.sign(mask),
  ],
  sin: () => [
    q.sin(x),
    // @ts-expect-error
    q.sin(whole),
  ],
  sqrt: () => [
    q.sqrt(x),
    // @ts-expect-error
    q.sqrt(whole),
  ],
  square: () => [
    q.square(whole),
    // @ts-expect-error
    q.square(mask),
  ],
  std: () => [
    q.std(x, { dim: 0 }),
    // @ts-expect-error
    q.std(whole),
  ],
  sub: () => [
    q.sub(2, whole),
    // @ts-expect-error
    q.sub(x, double),
  ],
  sum: () => [
    q.sum(mask).oneHot(2),
    // @ts-expect-error
    q.sum(whole).exp(),
  ],
  topk: () => [
    q.topk(whole, 2).indices,
    // @ts-expect-error
    q.topk(mask, 2),
  ],
  trunc: () => [
    q.trunc(x),
    // @ts-expect-error
    q.trunc(whole),
  ],
  variance: () => [
    q.variance(x, { dim: 0 }),
    // @ts-expect-error
    q.variance(whole),
  ],
  where: () => [
    q.where(mask, whole, 0),
    // @ts-expect-error
    q.where(mask, x, double),
  ],
}
