// Everything that Quern exports; the subpaths give parts of it by namespace.
import './methods.js'

export { type InitOptions, init, type RuntimeInfo, runtime, setThreads, synchronize } from './engine/runtime.js'
export * from './errors.js'
export * from './functional.js'
export * as nn from './nn/index.js'
export { erf, expm1, log1p } from './ops/activations.js'
export {
  type BackwardOptions,
  backward,
  enableGrad,
  grad,
  isGradEnabled,
  keep,
  noGrad,
  scope,
} from './ops/autograd.js'
export { checkpoint } from './ops/checkpoint.js'
export { clamp } from './ops/clamp.js'
export {
  eq,
  ge,
  gt,
  isfinite,
  isinf,
  isnan,
  le,
  logicalAnd,
  logicalNot,
  logicalOr,
  logicalXor,
  lt,
  ne,
  where,
} from './ops/compare.js'
export { to } from './ops/convert.js'
export {
  arange,
  empty,
  eye,
  full,
  linspace,
  ones,
  onesLike,
  rand,
  randint,
  randn,
  tensor,
  zeros,
  zerosLike,
} from './ops/create.js'
export {
  abs,
  add,
  ceil,
  cos,
  div,
  exp,
  floor,
  log,
  maximum,
  minimum,
  mul,
  neg,
  pow,
  reciprocal,
  round,
  rsqrt,
  sign,
  sin,
  sqrt,
  square,
  sub,
  trunc,
} from './ops/elementwise.js'
export { type GradCheckOptions, gradCheck, gradGradCheck, numericGradient } from './ops/gradcheck.js'
export { cumsum, gather, indexSelect, scatterAdd, type TopK, type TopKOptions, topk } from './ops/indexing.js'
export { matmul } from './ops/matmul.js'
export { bernoulli, manualSeed, type RandomState, randomState, randperm, setRandomState } from './ops/random.js'
export { chunk, flip, repeat, split, tile } from './ops/rearrange.js'
export { all, any, argmax, argmin, logsumexp, max, mean, min, norm, prod, std, sum, variance } from './ops/reduce.js'
export {
  clone,
  concat,
  contiguous,
  expand,
  flatten,
  narrow,
  permute,
  reshape,
  slice,
  squeeze,
  stack,
  transpose,
  unsqueeze,
} from './ops/view.js'
export * as optim from './optim/index.js'
export {
  type DType,
  type FloatDType,
  type NestedArray,
  Tensor,
  type TypedArray,
  type TypedArrayOf,
} from './tensor.js'
