// Indexing along a dimension, running sums and selection. Indices are int32; those outside their range are the engine's to
// meet: they read NaN (0 from integers) and add nothing.
import { maxSize, rowMajor, sizeOf } from '../engine/layout.js'
import * as opcodes from '../engine/opcodes.js'
import { local, runScope } from '../engine/scope.js'
import { record } from '../engine/tape.js'
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
import {
  checkArithmetic,
  checkBoolean,
  checkDim,
  checkDTypeIs,
  checkFloat,
  checkInteger,
  checkOptions,
  checkRank,
  checkSameDType,
  checkTensor,
} from './check.js'
import { eq, ge, lt, ne, where } from './compare.js'
import { to } from './convert.js'
import { arange } from './create.js'
import type { Arithmetic } from './elementwise.js'
import { pad } from './rearrange.js'
import { contiguous, narrow, reshape, transpose, unsqueeze } from './view.js'

// x as (outer,n,inner) around dim.
const around = (shape: readonly number[], dim: number) => ({
  outer: sizeOf(shape.slice(0, dim)),
  n: shape[dim] as number,
  inner: sizeOf(shape.slice(dim + 1)),
})

const resized = (shape: readonly number[], dim: number, size: number): number[] =>
  shape.map((n, i) => (i === dim ? size : n))

/** The entries of x along dim that index (int32, one dimension) names, in its order. */
export function indexSelect<D extends DType>(x: Tensor<D>, dim: number, index: Tensor<'int32'>): Tensor<D> {
  const op = 'indexSelect'
  checkTensor(op, 'x', x)
  checkDTypeIs(op, 'index', index, 'int32')
  checkRank(op, 'index', index, 1, '(M)')
  const d = checkDim(op, dim, x.ndim)
  return local(() => selectRows(op, contiguous(x), d, contiguous(index), -1))
}

// Gradients of the rows that index names `skip` are dropped.
function selectRows<D extends DType>(
  operation: string,
  x: Tensor<D>,
  dim: number,
  index: Tensor<'int32'>,
  skip: number,
): Tensor<D> {
  const runtime = sharedRuntime(operation, x, index)
  const from = x.shape
  const shape = resized(from, dim, index.size)
  const out = allocate(x.dtype, shape, rowMajor(shape), runtime)
  opcodes.indexSelect(runtime.encode(), x.dtype, { out, x, index, ...around(from, dim), m: index.size })
  return record(operation, out, [x], [index], (dy, [index]) => [
    local(() => addRows(operation, contiguous(dy as AnyTensor), from, dim, index, skip)),
  ])
}

// Zeros of this shape with the rows of source added where index says, but for those it names `skip`.
function addRows<D extends DType>(
  operation: string,
  source: Tensor<D>,
  shape: readonly number[],
  dim: number,
  index: Tensor<'int32'>,
  skip: number,
): Tensor<D> {
  const runtime = sharedRuntime(operation, source, index)
  const out = allocate(source.dtype, shape, rowMajor(shape), runtime)
  const size = { ...around(shape, dim), m: index.size }
  opcodes.indexAdd(runtime.encode(), source.dtype, { out, source, index, skip, ...size })
  return record(operation, out, [source], [index], (dy, [index]) => [
    local(() => {
      const rows = selectRows(operation, contiguous(dy as AnyTensor), dim, index, skip)
      const column = reshape(index, [index.size, ...shape.slice(dim + 1).map(() => 1)])
      return present(rows, column, shape[dim] as number, skip)
    }),
  ])
}

// What was read from n places where index says, but 0 where it aims at none of them or at `skip`.
const present = (read: AnyTensor, index: Tensor<'int32'>, n: number, skip = -1): AnyTensor =>
  where(ge(index, 0), where(lt(index, n), where(ne(index, skip), read as FloatTensor, 0), 0), 0) as AnyTensor

export interface EmbeddingOptions {
  /** The row of this index gets no gradient; from the end if negative. */
  paddingIdx?: number | undefined
}

/** The rows of weight (V,E) that index (int32, any shape) names: (…,E). */
export function embedding<D extends FloatDType>(
  index: Tensor<'int32'>,
  weight: Tensor<D>,
  options: EmbeddingOptions = {},
): Tensor<D> {
  const op = 'embedding'
  checkDTypeIs(op, 'index', index, 'int32')
  checkFloat(op, 'weight', weight)
  checkOptions(op, options)
  checkRank(op, 'weight', weight, 2, '(V,E)')
  const skip = checkPaddingIdx(op, options.paddingIdx, weight.shape[0] as number)
  return local(() => {
    const rows = selectRows(op, contiguous(weight), 0, contiguous(reshape(index, [index.size])), skip ?? -1)
    return reshape(rows, [...index.shape, weight.shape[1] as number])
  })
}

/** @internal paddingIdx counted from the front. */
export function checkPaddingIdx(
  operation: string,
  paddingIdx: number | null | undefined,
  rows: number,
): number | undefined {
  if (paddingIdx === undefined || paddingIdx === null) return undefined
  const at = checkInteger(operation, 'paddingIdx', paddingIdx, -rows, rows - 1)
  return at < 0 ? at + rows : at
}

/** out[i][j][k] = x[i][index[i][j][k]][k] for dim 1: along dim x is read where index says, elsewhere at the same place. */
export function gather<D extends DType>(x: Tensor<D>, dim: number, index: Tensor<'int32'>): Tensor<D> {
  const op = 'gather'
  checkTensor(op, 'x', x)
  const d = checkIndexShape(op, 'x', x, dim, index)
  return local(() => gatherKernel(contiguous(fitting(x, d, index)), d, contiguous(index)))
}

function gatherKernel<D extends DType>(x: Tensor<D>, dim: number, index: Tensor<'int32'>): Tensor<D> {
  const runtime = sharedRuntime('gather', x, index)
  const size = { ...around(x.shape, dim), m: index.shape[dim] as number }
  const out = allocate(x.dtype, index.shape, rowMajor(index.shape), runtime)
  opcodes.gather(runtime.encode(), x.dtype, { out, x, index, ...size })
  const from = x.shape
  return record('gather', out, [x], [index], (dy, [index]) => [
    local(() => scatterKernel(null, from, dim, index, contiguous(dy as AnyTensor))),
  ])
}

// The dim counted from the front; throws unless index has x's rank and fits into x elsewhere.
function checkIndexShape(
  operation: string,
  name: string,
  x: AnyTensor,
  dim: number,
  index: Tensor<'int32'>,
  along = false,
): number {
  checkDTypeIs(operation, 'index', index, 'int32')
  const d = checkDim(operation, dim, x.ndim)
  if (index.ndim === x.ndim && index.shape.every((n, i) => (i === d && !along) || n <= (x.shape[i] as number))) return d
  throw new ShapeError(
    `${operation}: expected index within the shape of ${name} ${formatShape(x.shape)}${along ? '' : ` but for dim ${d}`}, ` +
      `got ${formatShape(index.shape)}`,
  )
}

// The part of x over which index ranges: all of dim, its first entries elsewhere.
function fitting<D extends DType>(x: Tensor<D>, dim: number, index: AnyTensor, along = false): Tensor<D> {
  return index.shape.reduce(
    (t, n, i) => ((i === dim && !along) || n === t.shape[i] ? t : narrow(t, i, 0, n)),
    x as Tensor<D>,
  )
}

/** x with source added along dim where index says: out[i][index[i][j][k]][k] += source[i][j][k] for dim 1, in the order of j. */
export function scatterAdd<D extends DType>(
  x: Tensor<D>,
  dim: number,
  index: Tensor<'int32'>,
  source: Tensor<NoInfer<D>>,
): Tensor<D> {
  const op = 'scatterAdd'
  checkTensor(op, 'x', x)
  checkTensor(op, 'source', source)
  checkSameDType(op, x, source)
  const d = checkIndexShape(op, 'x', x, dim, index)
  checkIndexShape(op, 'source', source, dim, index, true)
  return local(() => {
    // What lies outside of the index's shape is aimed at nothing.
    const missing = x.shape.flatMap((n, i) => [i === d ? 0 : n - (index.shape[i] as number), 0]).reverse()
    const aims = pad(index, missing, { value: -1 })
    const used = pad(fitting(source, d, index, true), missing)
    return scatterKernel(contiguous(x), x.shape, d, contiguous(aims), contiguous(used))
  })
}

// x, or zeros of this shape, with source added.
function scatterKernel<D extends DType>(
  x: Tensor<D> | null,
  shape: readonly number[],
  dim: number,
  index: Tensor<'int32'>,
  source: Tensor<D>,
): Tensor<D> {
  const runtime = sharedRuntime('scatterAdd', x, index, source)
  const size = { ...around(shape, dim), m: index.shape[dim] as number }
  const out = allocate(source.dtype, shape, rowMajor(shape), runtime)
  opcodes.scatterAdd(runtime.encode(), source.dtype, { out, x, source, index, ...size })
  return record('scatterAdd', out, [x, source], [index], (dy, [index], needs) => [
    needs[0] ? dy : null,
    needs[1] ? gatherPresent(dy, dim, index) : null,
  ])
}

/** @internal As gather, but 0 where the index aims at nothing. */
export const gatherPresent = (x: AnyTensor, dim: number, index: Tensor<'int32'>): AnyTensor =>
  local(() => present(gather(x, dim, index), index, x.shape[dim] as number))

/** For each entry of index (int32, any shape) a row of numClasses zeros with a one at that place, int32: (…,C). */
export function oneHot(index: Tensor<'int32'>, numClasses: number): Tensor<'int32'> {
  checkDTypeIs('oneHot', 'index', index, 'int32')
  const classes = checkInteger('oneHot', 'numClasses', numClasses, 1)
  if (index.size * classes > maxSize) {
    throw new ShapeError(`oneHot: expected at most ${maxSize} elements, got ${index.size} rows of ${classes}`)
  }
  return local(() => to(eq(unsqueeze(index, -1), arange(0, classes, 1, { dtype: 'int32' })), 'int32'))
}

/** Sums of x from the start of dim to each of its places. */
export function cumsum<D extends Arithmetic>(x: Tensor<D>, options: { dim: number } = {} as never): Tensor<D> {
  checkArithmetic('cumsum', 'x', x)
  checkOptions('cumsum', options)
  const d = checkDim('cumsum', options.dim, x.ndim)
  return local(() => cumsumKernel(contiguous(x), d, false))
}

function cumsumKernel<D extends DType>(x: Tensor<D>, dim: number, reversed: boolean): Tensor<D> {
  const runtime = sharedRuntime('cumsum', x)
  const out = allocate(x.dtype, x.shape, rowMajor(x.shape), runtime)
  opcodes.cumsum(runtime.encode(), x.dtype, { out, x, ...around(x.shape, dim), reversed: Number(reversed) })
  return record('cumsum', out, [x], [], (dy) => [
    local(() => cumsumKernel(contiguous(dy as AnyTensor), dim, !reversed)) as AnyTensor,
  ])
}

export interface TopKOptions {
  /** The last by default. */
  dim?: number
  /** The largest (the default) or the smallest. */
  largest?: boolean
  /** Results always come sorted, whatever this says. */
  sorted?: boolean
}

export interface TopK<D extends DType> {
  values: Tensor<D>
  indices: Tensor<'int32'>
}

/** The k largest entries of x along dim and where they are, sorted; the first of equals first, NaN above all. */
export function topk<D extends Arithmetic>(x: Tensor<D>, k: number, options: TopKOptions = {}): TopK<D> {
  checkArithmetic('topk', 'x', x)
  checkOptions('topk', options)
  const largest = checkBoolean('topk', 'largest', options.largest, true)
  checkBoolean('topk', 'sorted', options.sorted, true)
  const d = checkDim('topk', options.dim ?? -1, x.ndim)
  checkInteger('topk', 'k', k, 0, x.shape[d] as number)
  return runScope(
    () => {
      const indices = transpose(topIndices(contiguous(transpose(x, d, -1)), k, largest), d, -1)
      return { values: gather(x, d, indices), indices }
    },
    ({ values, indices }, tensor) => tensor === values || tensor === indices,
  )
}

// Along the last dimension.
function topIndices<D extends Arithmetic>(x: Tensor<D>, k: number, largest: boolean): Tensor<'int32'> {
  const runtime = sharedRuntime('topk', x)
  const n = x.shape.at(-1) as number
  const shape = resized(x.shape, x.ndim - 1, k)
  const values = allocate(x.dtype, shape, rowMajor(shape), runtime)
  const indices = allocate('int32', shape, rowMajor(shape), runtime)
  const args = { values, indices, x, rows: n === 0 ? 0 : x.size / n, n, k, largest: Number(largest) }
  opcodes.topk(runtime.encode(), x.dtype, args)
  return indices
}
