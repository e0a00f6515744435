// Checked by `npm run types`: for every method of Tensor a call that compiles and then one that must not. One without an
// entry is an error too. Nothing here runs.
import type { Tensor } from 'quern'
import { type Calls, double, mask, whole, x } from './values.js'

export const methods: Calls<Tensor> = {
  abs: () => [
    whole.abs(),
    // @ts-expect-error
    mask.abs(),
  ],
  add: () => [
    whole.add(whole),
    // @ts-expect-error
    x.add(double),
  ],
  add_: () => [
    x.add_(x, { alpha: 2 }),
    // @ts-expect-error
    x.add_(double),
  ],
  all: () => [
    mask.all({ keepdim: true }),
    // @ts-expect-error
    mask.all(0),
  ],
  any: () => [
    mask.any({ keepdim: true }),
    // @ts-expect-error
    mask.any(0),
  ],
  argmax: () => [
    whole.argmax().oneHot(3),
    // @ts-expect-error
    x.argmax().exp(),
  ],
  argmin: () => [
    whole.argmin().oneHot(3),
    // @ts-expect-error
    x.argmin().exp(),
  ],
  array: () => [
    x.array(),
    // @ts-expect-error
    x.array(1),
  ],
  arraySync: () => [
    x.arraySync(),
    // @ts-expect-error
    x.arraySync(1),
  ],
  backward: () => [
    x.backward({ createGraph: true }),
    // @ts-expect-error
    whole.backward(),
  ],
  ceil: () => [
    x.ceil(),
    // @ts-expect-error
    whole.ceil(),
  ],
  chunk: () => [
    x.chunk(2),
    // @ts-expect-error
    x.chunk([2]),
  ],
  clamp: () => [
    whole.clamp(0, 3),
    // @ts-expect-error
    mask.clamp(0),
  ],
  clamp_: () => [
    whole.clamp_(0),
    // @ts-expect-error
    mask.clamp_(0),
  ],
  clone: () => [
    mask.clone(),
    // @ts-expect-error
    mask.clone(1),
  ],
  contiguous: () => [
    mask.contiguous(),
    // @ts-expect-error
    mask.contiguous(1),
  ],
  copy_: () => [
    x.copy_(whole).exp(),
    // @ts-expect-error
    x.copy_([1]),
  ],
  cos: () => [
    x.cos(),
    // @ts-expect-error
    whole.cos(),
  ],
  cumsum: () => [
    whole.cumsum({ dim: 0 }),
    // @ts-expect-error
    x.cumsum(0),
  ],
  data: () => [
    x.data().then((d: Float32Array) => d),
    // @ts-expect-error
    whole.data().then((d: Float32Array) => d),
  ],
  dataSync: () => [
    whole.dataSync() satisfies Int32Array,
    // @ts-expect-error
    double.dataSync() satisfies Float32Array,
  ],
  detach: () => [
    mask.detach().logicalNot(),
    // @ts-expect-error
    whole.detach().exp(),
  ],
  dispose: () => [
    x.dispose(),
    // @ts-expect-error
    x.dispose(1),
  ],
  div: () => [
    whole.div(2).exp(),
    // @ts-expect-error
    x.div(double),
  ],
  div_: () => [
    x.div_(x),
    // @ts-expect-error
    whole.div_(2),
  ],
  eq: () => [
    whole.eq(whole).all(),
    // @ts-expect-error
    x.eq(double),
  ],
  erf: () => [
    x.erf(),
    // @ts-expect-error
    whole.erf(),
  ],
  exp: () => [
    x.exp(),
    // @ts-expect-error
    whole.exp(),
  ],
  expand: () => [
    x.expand([2]),
    // @ts-expect-error
    x.expand(2),
  ],
  expm1: () => [
    x.expm1(),
    // @ts-expect-error
    whole.expm1(),
  ],
  fill_: () => [
    mask.fill_(1),
    // @ts-expect-error
    mask.fill_(true),
  ],
  flatten: () => [
    x.flatten(1),
    // @ts-expect-error
    x.flatten('1'),
  ],
  flip: () => [
    x.flip(0),
    // @ts-expect-error
    x.flip(),
  ],
  floor: () => [
    x.floor(),
    // @ts-expect-error
    whole.floor(),
  ],
  gather: () => [
    x.gather(0, whole),
    // @ts-expect-error
    x.gather(0, x),
  ],
  ge: () => [
    whole.ge(whole).all(),
    // @ts-expect-error
    x.ge(double),
  ],
  gt: () => [
    whole.gt(whole).all(),
    // @ts-expect-error
    x.gt(double),
  ],
  indexSelect: () => [
    mask.indexSelect(0, whole),
    // @ts-expect-error
    x.indexSelect(0, x),
  ],
  isfinite: () => [
    x.isfinite().any(),
    // @ts-expect-error
    x.isfinite(1),
  ],
  isinf: () => [
    x.isinf().any(),
    // @ts-expect-error
    x.isinf(1),
  ],
  isnan: () => [
    x.isnan().any(),
    // @ts-expect-error
    x.isnan(1),
  ],
  item: () => [
    x.item().then((v) => v + 1),
    // @ts-expect-error
    x.item() + 1,
  ],
  itemSync: () => [
    x.itemSync() + 1,
    // @ts-expect-error
    x.itemSync(0),
  ],
  le: () => [
    whole.le(whole).all(),
    // @ts-expect-error
    x.le(double),
  ],
  log: () => [
    x.log(),
    // @ts-expect-error
    whole.log(),
  ],
  log1p: () => [
    x.log1p(),
    // @ts-expect-error
    whole.log1p(),
  ],
  logSoftmax: () => [
    x.logSoftmax({ dim: 0 }),
    // @ts-expect-error
    x.logSoftmax(),
  ],
  logicalAnd: () => [
    mask.logicalAnd(x),
    // @ts-expect-error
    mask.logicalAnd(1),
  ],
  logicalNot: () => [
    x.logicalNot().any(),
    // @ts-expect-error
    x.logicalNot(1),
  ],
  logicalOr: () => [
    mask.logicalOr(x),
    // @ts-expect-error
    mask.logicalOr(1),
  ],
  logicalXor: () => [
    mask.logicalXor(x),
    // @ts-expect-error
    mask.logicalXor(1),
  ],
  logsumexp: () => [
    x.logsumexp(),
    // @ts-expect-error
    whole.logsumexp(),
  ],
  lt: () => [
    whole.lt(whole).all(),
    // @ts-expect-error
    x.lt(double),
  ],
  matmul: () => [
    x.matmul(x),
    // @ts-expect-error
    x.matmul(double),
  ],
  max: () => [
    whole.max().oneHot(2),
    // @ts-expect-error
    whole.max().exp(),
  ],
  maximum: () => [
    whole.maximum(whole),
    // @ts-expect-error
    x.maximum(double),
  ],
  mean: () => [
    x.mean(),
    // @ts-expect-error
    whole.mean(),
  ],
  min: () => [
    x.min().exp(),
    // @ts-expect-error
    x.min(0),
  ],
  minimum: () => [
    whole.minimum(whole),
    // @ts-expect-error
    x.minimum(double),
  ],
  mul: () => [
    whole.mul(whole),
    // @ts-expect-error
    x.mul(double),
  ],
  mul_: () => [
    whole.mul_(2),
    // @ts-expect-error
    mask.mul_(2),
  ],
  narrow: () => [
    x.narrow(0, 0, 1),
    // @ts-expect-error
    x.narrow(0),
  ],
  ne: () => [
    whole.ne(whole).all(),
    // @ts-expect-error
    x.ne(double),
  ],
  neg: () => [
    whole.neg(),
    // @ts-expect-error
    mask.neg(),
  ],
  norm: () => [
    x.norm(),
    // @ts-expect-error
    whole.norm(),
  ],
  oneHot: () => [
    whole.oneHot(3),
    // @ts-expect-error
    x.oneHot(3),
  ],
  pad: () => [
    x.pad([1, 1]),
    // @ts-expect-error
    x.pad(1),
  ],
  permute: () => [
    x.permute([0]),
    // @ts-expect-error
    x.permute(0),
  ],
  pow: () => [
    x.pow(x),
    // @ts-expect-error
    whole.pow(2),
  ],
  prod: () => [
    x.prod().exp(),
    // @ts-expect-error
    whole.prod().exp(),
  ],
  reciprocal: () => [
    x.reciprocal(),
    // @ts-expect-error
    whole.reciprocal(),
  ],
  registerHook: () => [
    x.registerHook((g) => g.mul(2)),
    // @ts-expect-error
    x.registerHook(() => 3),
  ],
  relu: () => [
    x.relu(),
    // @ts-expect-error
    whole.relu(),
  ],
  repeat: () => [
    x.repeat([2]),
    // @ts-expect-error
    x.repeat(2),
  ],
  requiresGrad_: () => [
    x.requiresGrad_(false),
    // @ts-expect-error
    whole.requiresGrad_(),
  ],
  reshape: () => [
    x.reshape([-1]),
    // @ts-expect-error
    x.reshape(1),
  ],
  retainGrad: () => [
    x.retainGrad(),
    // @ts-expect-error
    whole.retainGrad(),
  ],
  round: () => [
    x.round(),
    // @ts-expect-error
    whole.round(),
  ],
  rsqrt: () => [
    x.rsqrt(),
    // @ts-expect-error
    whole.rsqrt(),
  ],
  scatterAdd: () => [
    x.scatterAdd(0, whole, x),
    // @ts-expect-error
    x.scatterAdd(0, whole, double),
  ],
  sigmoid: () => [
    x.sigmoid(),
    // @ts-expect-error
    whole.sigmoid(),
  ],
  sign: () => [
    whole.sign(),
    // @ts-expect-error
    mask.sign(),
  ],
  sin: () => [
    x.sin(),
    // @ts-expect-error
    whole.sin(),
  ],
  slice: () => [
    x.slice(0, 1),
    // @ts-expect-error
    x.slice(),
  ],
  softmax: () => [
    x.softmax({ dim: 0 }),
    // @ts-expect-error
    whole.softmax({ dim: 0 }),
  ],
  split: () => [
    x.split([1, 2])[0]?.exp(),
    // @ts-expect-error
    x.split('1'),
  ],
  sqrt: () => [
    x.sqrt(),
    // @ts-expect-error
    whole.sqrt(),
  ],
  square: () => [
    whole.square(),
    // @ts-expect-error
    mask.square(),
  ],
  squeeze: () => [
    x.squeeze(),
    // @ts-expect-error
    x.squeeze('0'),
  ],
  std: () => [
    x.std(),
    // @ts-expect-error
    whole.std(),
  ],
  sub: () => [
    whole.sub(whole),
    // @ts-expect-error
    x.sub(double),
  ],
  sub_: () => [
    x.sub_(x, { alpha: 2 }),
    // @ts-expect-error
    x.sub_(double),
  ],
  sum: () => [
    mask.sum().oneHot(2),
    // @ts-expect-error
    whole.sum().exp(),
  ],
  tanh: () => [
    x.tanh(),
    // @ts-expect-error
    whole.tanh(),
  ],
  tile: () => [
    x.tile([2]),
    // @ts-expect-error
    x.tile(2),
  ],
  to: () => [
    x.to('bool').logicalNot(),
    // @ts-expect-error
    x.to('int64'),
  ],
  topk: () => [
    whole.topk(2).values.oneHot(2),
    // @ts-expect-error
    mask.topk(2),
  ],
  transpose: () => [
    x.transpose(0, 1),
    // @ts-expect-error
    x.transpose(0),
  ],
  trunc: () => [
    x.trunc(),
    // @ts-expect-error
    whole.trunc(),
  ],
  unsqueeze: () => [
    x.unsqueeze(0),
    // @ts-expect-error
    x.unsqueeze(),
  ],
  variance: () => [
    x.variance(),
    // @ts-expect-error
    whole.variance(),
  ],
  view: () => [
    x.view([-1]),
    // @ts-expect-error
    x.view(1),
  ],
  where: () => [
    whole.where(mask, 0),
    // @ts-expect-error
    x.where(x, 0),
  ],
  zero_: () => [
    whole.zero_(),
    // @ts-expect-error
    whole.zero_(1),
  ],
}
