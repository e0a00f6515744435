// The operations as methods of Tensor: one line each, beside its type.
import { erf, expm1, log1p } from './ops/activations.js'
import { type BackwardOptions, backward, registerHook, retainGrad } from './ops/autograd.js'
import * as compare from './ops/compare.js'
import { to } from './ops/convert.js'
import * as elementwise from './ops/elementwise.js'
import * as indexing from './ops/indexing.js'
import { matmul } from './ops/matmul.js'
import * as rearrange from './ops/rearrange.js'
import type { ReduceOptions, VarianceOptions } from './ops/reduce.js'
import * as reduce from './ops/reduce.js'
import { logSoftmax, softmax } from './ops/softmax.js'
import * as views from './ops/view.js'
import { type DType, type FloatDType, Tensor } from './tensor.js'

type Float<D extends DType> = Tensor<D & FloatDType>
type Whole<D extends DType> = Tensor<D & elementwise.Arithmetic>
type Other<D extends DType> = Float<D> | number
type Extreme = { dim?: number; keepdim?: boolean }

declare module './tensor.js' {
  interface Tensor<D extends DType = 'float32'> {
    backward(this: Float<D>, options?: BackwardOptions<D & FloatDType>): void
    registerHook(this: Float<D>, hook: (gradient: Float<D>) => Float<D> | undefined): () => void
    retainGrad(this: Float<D>): void
    requiresGrad_(this: Float<D>, requiresGrad?: boolean): Float<D>
    to<E extends DType>(dtype: E): Tensor<E>

    neg(this: Float<D>): Float<D>
    abs(this: Float<D>): Float<D>
    sign(this: Float<D>): Float<D>
    exp(this: Float<D>): Float<D>
    log(this: Float<D>): Float<D>
    sqrt(this: Float<D>): Float<D>
    rsqrt(this: Float<D>): Float<D>
    square(this: Float<D>): Float<D>
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
    div(this: Float<D>, other: Other<D>): Float<D>
    pow(this: Float<D>, other: Other<D>): Float<D>
    maximum(this: Whole<D>, other: Whole<D> | number): Whole<D>
    minimum(this: Whole<D>, other: Whole<D> | number): Whole<D>
    clamp(this: Float<D>, min?: number, max?: number): Float<D>
    where(this: Float<D>, condition: Tensor<'bool'>, other: Other<D>): Float<D>

    eq(other: Tensor<D> | number): Tensor<'bool'>
    ne(other: Tensor<D> | number): Tensor<'bool'>
    lt(other: Tensor<D> | number): Tensor<'bool'>
    le(other: Tensor<D> | number): Tensor<'bool'>
    gt(other: Tensor<D> | number): Tensor<'bool'>
    ge(other: Tensor<D> | number): Tensor<'bool'>

    matmul(this: Float<D>, other: Float<D>): Float<D>
    softmax(this: Float<D>, options: { dim: number }): Float<D>
    logSoftmax(this: Float<D>, options: { dim: number }): Float<D>

    sum(this: Float<D>, options?: ReduceOptions): Float<D>
    mean(this: Float<D>, options?: ReduceOptions): Float<D>
    prod(this: Float<D>, options?: ReduceOptions): Float<D>
    max(this: Float<D>, options?: ReduceOptions): Float<D>
    min(this: Float<D>, options?: ReduceOptions): Float<D>
    variance(this: Float<D>, options?: VarianceOptions): Float<D>
    std(this: Float<D>, options?: VarianceOptions): Float<D>
    norm(this: Float<D>, options?: ReduceOptions): Float<D>
    logsumexp(this: Float<D>, options?: ReduceOptions): Float<D>
    argmax(this: Float<D>, options?: Extreme): Tensor<'int32'>
    argmin(this: Float<D>, options?: Extreme): Tensor<'int32'>

    cumsum(this: Whole<D>, options: { dim: number }): Whole<D>
    topk(this: Float<D>, k: number, options?: indexing.TopKOptions): indexing.TopK<D & FloatDType>

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
const { add, sub, mul, div, pow, maximum, minimum, clamp } = elementwise
const { eq, ne, lt, le, gt, ge } = compare
const { sum, mean, prod, max, min, variance, std, norm, logsumexp, argmax, argmin } = reduce
const { contiguous, clone, reshape, view, flatten, permute, transpose, squeeze, unsqueeze, expand, slice, narrow } =
  views

const { cumsum, topk, indexSelect, gather, scatterAdd, oneHot } = indexing
const { split, chunk, pad, flip, tile, repeat } = rearrange

const operations = {
  ...{ neg, abs, sign, exp, log, sqrt, rsqrt, square, reciprocal, sin, cos, tanh, sigmoid, relu },
  ...{ add, sub, mul, div, pow, maximum, minimum, clamp, eq, ne, lt, le, gt, ge },
  ...{ sum, mean, prod, max, min, variance, std, norm, logsumexp, argmax, argmin },
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
