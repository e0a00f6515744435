import { rowMajor, sizeOf } from '../engine/layout.js'
import * as opcodes from '../engine/opcodes.js'
import { Binary, Reduce } from '../engine/opcodes.js'
import { local } from '../engine/scope.js'
import { isRecording, record, withRecording } from '../engine/tape.js'
import { ShapeError } from '../errors.js'
import {
  type AnyTensor,
  allocate,
  type DType,
  type FloatDType,
  type FloatTensor,
  formatShape,
  sharedRuntime,
  type Tensor,
} from '../tensor.js'
import { checkBoolean, checkDim, checkFloat, checkOptions, checkReduction, checkTensor, checkValue } from './check.js'
import { eq, gt, where } from './compare.js'
import { to } from './convert.js'
import { eye } from './create.js'
import { abs, add, div, exp, log, mul, sqrt, square, sub } from './elementwise.js'
import { foldWhole, isWhole, type Whole } from './fold.js'
import { contiguous, expand, permute, reshape } from './view.js'

export interface ReduceOptions {
  /** The dimensions to reduce; all of them by default. */
  dim?: number | readonly number[]
  /** Keep them, with size 1. */
  keepdim?: boolean
}

/** out = kind over dims of x, those dims kept with size 1; off the tape. */
function reduceKernel<D extends FloatDType>(
  operation: string,
  kind: number,
  x: Tensor<D>,
  dims: readonly number[],
): Tensor<D> {
  const runtime = sharedRuntime(operation, x)
  const reduced = x.shape.map((_, i) => dims.includes(i))
  const shape = x.shape.map((n, i) => (reduced[i] ? 1 : n))
  const out = allocate(x.dtype, shape, rowMajor(shape), runtime)
  const kept = loops(x, out.strides, (i) => !reduced[i])
  const inner = loops(x, x.strides, (i) => reduced[i] as boolean)
  opcodes.reduce(runtime.encode(), x.dtype, {
    out,
    x,
    kind,
    kept: kept.sizes.length,
    reduced: inner.sizes.length,
    layout: [...kept.sizes, ...inner.sizes, ...kept.other, ...kept.strides, ...inner.strides],
  })
  return out
}

// The chosen dimensions of x, in memory order, adjacent ones merged: sizes, x's strides and the other operand's.
function loops(x: AnyTensor, others: readonly number[], chosen: (dim: number) => boolean) {
  const order = x.shape.map((_, i) => i).filter((i) => chosen(i) && x.shape[i] !== 1)
  order.sort((a, b) => Math.abs(x.strides[b] as number) - Math.abs(x.strides[a] as number) || a - b)
  const sizes: number[] = []
  const strides: number[] = []
  const other: number[] = []
  for (const i of order) {
    const [n, s, o] = [x.shape[i] as number, x.strides[i] as number, others[i] as number]
    const last = sizes.length - 1
    if (last >= 0 && strides[last] === s * n && other[last] === o * n) {
      sizes[last] = (sizes[last] as number) * n
      strides[last] = s
      other[last] = o
    } else {
      sizes.push(n)
      strides.push(s)
      other.push(o)
    }
  }
  return { sizes, strides, other }
}

type Gradient = (dy: FloatTensor, x: FloatTensor, y: FloatTensor, count: number) => FloatTensor

function reduceOp(name: 'sum' | 'mean' | 'prod' | 'max' | 'min', gradient: Gradient) {
  const savesValues = name !== 'sum' && name !== 'mean'
  const needsElement = name === 'max' || name === 'min'
  return <D extends FloatDType>(x: Tensor<D>, options: ReduceOptions = {}): Tensor<D> => {
    checkFloat(name, 'x', x)
    const { dims, keepdim } = checkReduction(name, options, x.ndim)
    const count = sizeOf(dims.map((d) => x.shape[d] as number))
    if (needsElement && count === 0 && x.size === 0 && dims.some((d) => x.shape[d] === 0)) {
      throw new ShapeError(`${name}: expected at least one element to reduce, got shape ${formatShape(x.shape)}`)
    }
    const y = reduceKernel(name, Reduce[name], x, dims)
    const dropped = y.shape.filter((_, i) => !dims.includes(i))
    const out = keepdim ? y : y.restride(dropped, rowMajor(dropped))
    const [from, kept] = [x.shape, y.shape]
    record(name, out, [x], savesValues ? [x, y] : [], (dy, [x, y]) => [
      expand(gradient(reshape(dy, kept), x as FloatTensor, y as FloatTensor, count), from),
    ])
    if (out !== y) y.dispose()
    return out
  }
}

// Each of several equal extremes gets the same share of the gradient, as torch.amax gives it.
const extremeGradient: Gradient = (dy, x, y) => {
  const picked = to(eq(x, y), x.dtype)
  const dims = y.shape.map((_, i) => i).filter((i) => y.shape[i] !== x.shape[i])
  return mul(picked, div(dy, reduceKernel('sum', Reduce.sum, picked, dims)))
}

const sumFloats = reduceOp('sum', (dy) => dy)
/** Σ x over dims. Integers and bools add up to int32, which wraps around. */
export function sum<D extends FloatDType>(x: Tensor<D>, options?: ReduceOptions): Tensor<D>
export function sum(x: Tensor<Whole>, options?: ReduceOptions): Tensor<'int32'>
export function sum(x: AnyTensor, options?: ReduceOptions): AnyTensor {
  return isWhole(x) ? foldWhole('sum', Binary.add, x, 'int32', options) : sumFloats(x as FloatTensor, options)
}
/** Mean of x over dims; NaN of nothing. */
export const mean = reduceOp('mean', (dy, _x, _y, count) => div(dy, count))
/** Largest of x over dims; NaN if any is. Equal ones share the gradient, as in torch.amax. */
export const max = extreme('max', Binary.maximum)
/** Smallest of x over dims; NaN if any is. Equal ones share the gradient, as in torch.amin. */
export const min = extreme('min', Binary.minimum)

function extreme(name: 'max' | 'min', kind: typeof Binary.maximum | typeof Binary.minimum) {
  const ofFloats = reduceOp(name, extremeGradient)
  return <D extends DType>(x: Tensor<D>, options?: ReduceOptions): Tensor<D> =>
    (isWhole(x)
      ? foldWhole(name, kind, x, x.dtype, options)
      : ofFloats(x as AnyTensor as FloatTensor, options)) as Tensor<D>
}

// The product of the other factors: y / x, but where one factor is zero only that one's is not zero.
const prodGradient: Gradient = (dy, x, y) => {
  if (isRecording()) return mul(dy, productOfOthers(x, y))
  const isZero = eq(x, 0)
  const dims = y.shape.map((_, i) => i).filter((i) => y.shape[i] !== x.shape[i])
  const zeros = reduceKernel('prod', Reduce.sum, to(isZero, x.dtype), dims)
  const others = reduceKernel('prod', Reduce.prod, where(isZero, 1, x), dims)
  const atZero = where(eq(zeros, 1), others, 0)
  const elsewhere = where(eq(zeros, 0), div(others, x), 0)
  return mul(dy, where(isZero, atZero, elsewhere))
}

// The same on the tape: each factor's row of all factors, itself replaced by 1, multiplied.
function productOfOthers(x: FloatTensor, y: FloatTensor): FloatTensor {
  const all = x.shape.map((_, i) => i)
  const order = [...all.filter((i) => y.shape[i] === x.shape[i]), ...all.filter((i) => y.shape[i] !== x.shape[i])]
  const moved = permute(x, order)
  const kept = order.filter((i) => y.shape[i] === x.shape[i]).map((i) => x.shape[i] as number)
  const n = sizeOf(moved.shape.slice(kept.length))
  const rows = expand(reshape(moved, [...kept, 1, n]), [...kept, n, n])
  const itself = eye(n, n, { dtype: 'bool' })
  const others = reshape(prod(where(itself, 1, rows), { dim: -1 }), moved.shape)
  return permute(
    others,
    all.map((i) => order.indexOf(i)),
  )
}

const prodFloats = reduceOp('prod', prodGradient)
/** Product of x over dims. That of integers and bools is int32, which wraps around. */
export function prod<D extends FloatDType>(x: Tensor<D>, options?: ReduceOptions): Tensor<D>
export function prod(x: Tensor<Whole>, options?: ReduceOptions): Tensor<'int32'>
export function prod(x: AnyTensor, options?: ReduceOptions): AnyTensor {
  return isWhole(x) ? foldWhole('prod', Binary.mul, x, 'int32', options) : prodFloats(x as FloatTensor, options)
}

/** Whether any of x over dims is true, which is what is not zero. */
export function any(x: AnyTensor, options: ReduceOptions = {}): Tensor<'bool'> {
  checkTensor('any', 'x', x)
  const { dims, keepdim } = checkReduction('any', options, x.ndim)
  return local(() => gt(sum(to(to(x, 'bool'), 'float32'), { dim: dims, keepdim }), 0))
}

/** Whether all of x over dims are true, which is what is not zero. */
export function all(x: AnyTensor, options: ReduceOptions = {}): Tensor<'bool'> {
  checkTensor('all', 'x', x)
  const { dims, keepdim } = checkReduction('all', options, x.ndim)
  return local(() => eq(sum(to(eq(x, 0), 'float32'), { dim: dims, keepdim }), 0))
}

function argReduce(name: 'argmax' | 'argmin') {
  return (x: AnyTensor, options: { dim?: number; keepdim?: boolean } = {}): Tensor<'int32'> => {
    checkTensor(name, 'x', x)
    checkOptions(name, options)
    const keepdim = checkBoolean(name, 'keepdim', options.keepdim, false)
    const flat = options.dim === undefined
    const dim = flat ? 0 : checkDim(name, options.dim as number, x.ndim)
    // Integers are exact in double precision.
    return local(() => along(isWhole(x) ? to(x, 'float64') : (x as FloatTensor), flat, dim, keepdim))
  }

  function along(x: FloatTensor, flat: boolean, dim: number, keepdim: boolean): Tensor<'int32'> {
    const source = contiguous(flat ? reshape(x, [x.size]) : x)
    const length = source.shape[dim] as number
    if (length === 0)
      throw new ShapeError(`${name}: expected at least one element to reduce, got ${formatShape(x.shape)}`)
    const runtime = sharedRuntime(name, source)
    const shape = source.shape.map((n, i) => (i === dim ? 1 : n))
    const out = allocate('int32', shape, rowMajor(shape), runtime)
    opcodes.argReduce(runtime.encode(), x.dtype, {
      out,
      x: source,
      kind: name === 'argmax' ? Reduce.max : Reduce.min,
      outer: sizeOf(source.shape.slice(0, dim)),
      length,
      inner: sizeOf(source.shape.slice(dim + 1)),
    })
    if (keepdim)
      return flat
        ? out.restride(
            x.shape.map(() => 1),
            rowMajor(x.shape.map(() => 1)),
          )
        : out
    const dropped = out.shape.filter((_, i) => i !== dim)
    return out.restride(dropped, rowMajor(dropped))
  }
}

/** Index of the first largest element along dim (of all, in row-major order, by default); a NaN wins. */
export const argmax = argReduce('argmax')
/** Index of the first smallest element along dim (of all, in row-major order, by default); a NaN wins. */
export const argmin = argReduce('argmin')

// y without dims of size 1.
const without = <D extends FloatDType>(y: Tensor<D>, dims: readonly number[]): Tensor<D> =>
  reshape(
    y,
    y.shape.filter((_, i) => !dims.includes(i)),
  )

export interface VarianceOptions extends ReduceOptions {
  /** Subtracted from the count: 1 (Bessel's) by default. */
  correction?: number
}

/** Σ (x - mean)² / (count - correction) over dims. */
export const variance = <D extends FloatDType>(x: Tensor<D>, options: VarianceOptions = {}): Tensor<D> =>
  varianceOf('variance', x, options)

function varianceOf<D extends FloatDType>(operation: string, x: Tensor<D>, options: VarianceOptions): Tensor<D> {
  checkFloat(operation, 'x', x)
  const { dims, keepdim } = checkReduction(operation, options, x.ndim)
  const count = sizeOf(dims.map((d) => x.shape[d] as number))
  const divisor = Math.max(0, count - checkValue(operation, 'correction', options.correction ?? 1))
  const keep = { dim: dims, keepdim: true }
  return local(() => {
    const y = withRecording(false, () => div(sum(square(sub(x, mean(x, keep))), keep), divisor))
    // Not through the mean, whose share is Σ (x − mean) = 0, or NaN where something is infinite.
    record('variance', y, [x], [x], (dy, [x]) => [
      mul(dy as FloatTensor, mul(sub(x as FloatTensor, mean(x as FloatTensor, keep)), 2 / divisor)),
    ])
    return keepdim ? y : without(y, dims)
  })
}

// √x, whose gradient at 0 is 0 instead of infinite: that of what it is the root of is 0 there too.
function root<D extends FloatDType>(x: Tensor<D>): Tensor<D> {
  const y = withRecording(false, () => sqrt(x))
  return record('root', y, [x], [y], (dy, [y]) => [
    where(eq(y as FloatTensor, 0), 0, div(dy as FloatTensor, mul(y as FloatTensor, 2))),
  ])
}

/** Square root of the variance over dims; no gradient where it is 0. */
export const std = <D extends FloatDType>(x: Tensor<D>, options: VarianceOptions = {}): Tensor<D> =>
  local(() => root(varianceOf('std', x, options)))

/** Euclidean norm over dims; no gradient where it is 0. */
export function norm<D extends FloatDType>(x: Tensor<D>, options: ReduceOptions = {}): Tensor<D> {
  checkFloat('norm', 'x', x)
  const { dims, keepdim } = checkReduction('norm', options, x.ndim)
  return local(() => root(sum(square(x), { dim: dims, keepdim })))
}

/** log Σ exp x over dims, computed without overflow. */
export function logsumexp<D extends FloatDType>(x: Tensor<D>, options: ReduceOptions = {}): Tensor<D> {
  checkFloat('logsumexp', 'x', x)
  const { dims, keepdim } = checkReduction('logsumexp', options, x.ndim)
  return local(() => {
    const keep = { dim: dims, keepdim: true }
    // Nothing to subtract where there is nothing, or where the maximum is infinite.
    const top = dims.some((d) => x.shape[d] === 0) ? null : max(x.detach(), keep)
    const shift = top && where(eq(abs(top), Number.POSITIVE_INFINITY), 0, top)
    const total = log(sum(exp(shift ? sub(x, shift) : x), keep))
    const y = shift ? add(total, shift) : total
    return keepdim ? y : without(y, dims)
  })
}

/** dy summed over the dimensions along which an operand of this shape was broadcast. */
export function sumTo<D extends FloatDType>(dy: Tensor<D>, shape: readonly number[]): Tensor<D> {
  const extra = dy.ndim - shape.length
  if (extra === 0 && dy.shape.every((n, i) => n === shape[i])) return dy
  const dims = dy.shape.map((_, i) => i).filter((i) => i < extra || (shape[i - extra] === 1 && dy.shape[i] !== 1))
  return reshape(sum(dy, { dim: dims, keepdim: true }), shape)
}
