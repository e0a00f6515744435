// The operations as methods of Tensor: one line each, beside its type.
import { erf, expm1, log1p } from './ops/activations.js'
import { type BackwardOptions, backward, registerHook, retainGrad } from './ops/autograd.js'
import { clamp } from './ops/clamp.js'
import * as compare from './ops/compare.js'
import { to } from './ops/convert.js'
import * as elementwise from './ops/elementwise.js'
import * as indexing from './ops/indexing.js'
import { add_, clamp_, copy_, div_, fill_, mul_, sub_, zero_ } from './ops/inplace.js'
import { matmul } from './ops/matmul.js'
import * as rearrange from './ops/rearrange.js'
import type { ReduceOptions, VarianceOptions } from './ops/reduce.js'
import * as reduce from './ops/reduce.js'
import { logSoftmax, softmax } from './ops/softmax.js'
import * as views from './ops/view.js'
import { type AnyTensor, type DType, type FloatDType, Tensor } from './tensor.js'

type Float<D extends DType> = Tensor<D & FloatDType>
type Whole<D extends DType> = Tensor<D & elementwise.Arithmetic>
type Other<D extends DType> = Float<D> | number
// Integers and bools add up to int32.
type Total<D extends DType> = D extends FloatDType ? Float<D> : Tensor<'int32'>
type Extreme = { dim?: number; keepdim?: boolean }

declare module './tensor.js' {
  interface Tensor<D extends DType = 'float32'> {
    backward(this: Float<D>, options?: BackwardOptions<D & FloatDType>): void
    registerHook(this: Float<D>, hook: (gradient: Float<D>) => Float<D> | undefined): () => void
    retainGrad(this: Float<D>): void
    requiresGrad_(this: Float<D>, requiresGrad?: boolean): Float<D>
    to<E extends DType>(dtype: E): Tensor<E>

    neg(this: Whole<D>): Whole<D>
    abs(this: Whole<D>): Whole<D>
    sign(this: Whole<D>): Whole<D>
    floor(this: Float<D>): Float<D>
    ceil(this: Float<D>): Float<D>
    round(this: Float<D>): Float<D>
    trunc(this: Float<D>): Float<D>
    exp(this: Float<D>): Float<D>
    log(this: Float<D>): Float<D>
    sqrt(this: Float<D>): Float<D>
    rsqrt(this: Float<D>): Float<D>
    square(this: Whole<D>): Whole<D>
    reciprocal(this: Float<D>): Float<D>
    sin(this: Float<D>): Float<D>
    cos(this: Float<D>): Float<D>
    tanh(this: Float<D>): Float<D>
    sigmoid(this: Float<D>): Float<D>
    relu(this: Float<D>): Float<D>
    expm1(this: Float<D>): Float<D>
    log1p(this: Float<D>): Float<D>
    erf(this: Float<D>): Float<D>

    add(this: Whole<D>, other: Whole<D> | number): Whole<D>
    sub(this: Whole<D>, other: Whole<D> | number): Whole<D>
    mul(this: Whole<D>, other: Whole<D> | number): Whole<D>
    div(this: Whole<D>, other: Whole<D> | number): D extends 'int32' ? Tensor<'float32'> : Float<D>
    pow(this: Float<D>, other: Other<D>): Float<D>
    maximum(this: Whole<D>, other: Whole<D> | number): Whole<D>
    minimum(this: Whole<D>, other: Whole<D> | number): Whole<D>
    clamp(this: Whole<D>, min?: number, max?: number): Whole<D>
    where(condition: Tensor<'bool'>, other: Tensor<D> | number): Tensor<D>

    eq(other: Tensor<D> | number): Tensor<'bool'>
    ne(other: Tensor<D> | number): Tensor<'bool'>
    lt(other: Tensor<D> | number): Tensor<'bool'>
    le(other: Tensor<D> | number): Tensor<'bool'>
    gt(other: Tensor<D> | number): Tensor<'bool'>
    ge(other: Tensor<D> | number): Tensor<'bool'>
    logicalAnd(other: AnyTensor): Tensor<'bool'>
    logicalOr(other: AnyTensor): Tensor<'bool'>
    logicalXor(other: AnyTensor): Tensor<'bool'>
    logicalNot(): Tensor<'bool'>
    isnan(): Tensor<'bool'>
    isinf(): Tensor<'bool'>
    isfinite(): Tensor<'bool'>
    any(options?: ReduceOptions): Tensor<'bool'>
    all(options?: ReduceOptions): Tensor<'bool'>

    copy_(source: AnyTensor): Tensor<D>
    fill_(value: number): Tensor<D>
    zero_(): Tensor<D>
    add_(this: Whole<D>, other: Whole<D> | number, options?: { alpha?: number }): Whole<D>
    sub_(this: Whole<D>, other: Whole<D> | number, options?: { alpha?: number }): Whole<D>
    mul_(this: Whole<D>, other: Whole<D> | number): Whole<D>
    div_(this: Float<D>, other: Other<D>): Float<D>
    clamp_(this: Whole<D>, min?: number, max?: number): Whole<D>

    matmul(this: Float<D>, other: Float<D>): Float<D>
    softmax(this: Float<D>, options: { dim: number }): Float<D>
    logSoftmax(this: Float<D>, options: { dim: number }): Float<D>

    sum(options?: ReduceOptions): Total<D>
    mean(this: Float<D>, options?: ReduceOptions): Float<D>
    prod(options?: ReduceOptions): Total<D>
    max(options?: ReduceOptions): Tensor<D>
    min(options?: ReduceOptions): Tensor<D>
    variance(this: Float<D>, options?: VarianceOptions): Float<D>
    std(this: Float<D>, options?: VarianceOptions): Float<D>
    norm(this: Float<D>, options?: ReduceOptions): Float<D>
    logsumexp(this: Float<D>, options?: ReduceOptions): Float<D>
    argmax(options?: Extreme): Tensor<'int32'>
    argmin(options?: Extreme): Tensor<'int32'>

    cumsum(this: Whole<D>, options: { dim: number }): Whole<D>
    topk(this: Whole<D>, k: number, options?: indexing.TopKOptions): indexing.TopK<D & elementwise.Arithmetic>

    indexSelect(dim: number, index: Tensor<'int32'>): Tensor<D>
    gather(dim: number, index: Tensor<'int32'>): Tensor<D>
    scatterAdd(dim: number, index: Tensor<'int32'>, source: Tensor<D>): Tensor<D>
    oneHot(this: Tensor<'int32'>, numClasses: number): Tensor<'int32'>
    split(sizes: number | readonly number[], dim?: number): Tensor<D>[]
    chunk(chunks: number, dim?: number): Tensor<D>[]
    pad(pads: readonly number[], options?: rearrange.PadOptions): Tensor<D>
    flip(dims: number | readonly number[]): Tensor<D>
    tile(repeats: readonly number[]): Tensor<D>
    repeat(repeats: readonly number[]): Tensor<D>

    contiguous(): Tensor<D>
    clone(): Tensor<D>
    reshape(shape: readonly number[]): Tensor<D>
    view(shape: readonly number[]): Tensor<D>
    flatten(startDim?: number, endDim?: number): Tensor<D>
    permute(dims: readonly number[]): Tensor<D>
    transpose(dim0: number, dim1: number): Tensor<D>
    squeeze(dim?: number): Tensor<D>
    unsqueeze(dim: number): Tensor<D>
    expand(shape: readonly number[]): Tensor<D>
    slice(dim: number, start?: number, end?: number, step?: number): Tensor<D>
    narrow(dim: number, start: number, length: number): Tensor<D>
  }
}

type Operation = (x: Tensor<never>, ...rest: never[]) => unknown

const { neg, abs, sign, exp, log, sqrt, rsqrt, square, reciprocal, sin, cos, tanh, sigmoid, relu } = elementwise
const { add, sub, mul, div, pow, maximum, minimum } = elementwise
const { floor, ceil, round, trunc } = elementwise
const { eq, ne, lt, le, gt, ge, logicalAnd, logicalOr, logicalXor, logicalNot, isnan, isinf, isfinite } = compare
const { sum, mean, prod, max, min, variance, std, norm, logsumexp, argmax, argmin, any, all } = reduce
const { contiguous, clone, reshape, view, flatten, permute, transpose, squeeze, unsqueeze, expand, slice, narrow } =
  views

const { cumsum, topk, indexSelect, gather, scatterAdd, oneHot } = indexing
const { split, chunk, pad, flip, tile, repeat } = rearrange

const operations = {
  ...{ neg, abs, sign, exp, log, sqrt, rsqrt, square, reciprocal, sin, cos, tanh, sigmoid, relu },
  ...{ add, sub, mul, div, pow, maximum, minimum, clamp, floor, ceil, round, trunc },
  ...{ eq, ne, lt, le, gt, ge, logicalAnd, logicalOr, logicalXor, logicalNot, isnan, isinf, isfinite },
  ...{ sum, mean, prod, max, min, variance, std, norm, logsumexp, argmax, argmin, any, all },
  ...{ copy_, fill_, zero_, add_, sub_, mul_, div_, clamp_ },
  ...{ contiguous, clone, reshape, view, flatten, permute, transpose, squeeze, unsqueeze, expand, slice, narrow },
  ...{ expm1, log1p, erf, cumsum, topk, indexSelect, gather, scatterAdd, oneHot },
  ...{ split, chunk, pad, flip, tile, repeat },
  ...{ backward, registerHook, retainGrad, to, matmul, softmax, logSoftmax },
  requiresGrad_: (x: Tensor, requiresGrad = true) => {
    x.requiresGrad = requiresGrad
    return x
  },
  where: (x: Tensor, condition: Tensor<'bool'>, other: Tensor | number) => compare.where(condition, x, other),
}

for (const [name, operation] of Object.entries(operations) as unknown as [string, Operation][]) {
  Object.defineProperty(Tensor.prototype, name, {
    value(this: Tensor<never>, ...rest: never[]) {
      return operation(this, ...rest)
    },
    configurable: true,
    writable: true,
  })
}
