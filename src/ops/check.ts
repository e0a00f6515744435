import { isFloat } from '../engine/dtype.js'
import { maxSize, sameShape } from '../engine/layout.js'
import { shown } from '../engine/shown.js'
import { ArgumentError, DTypeError, ShapeError } from '../errors.js'
import {
  type AnyTensor,
  type DType,
  disposedError,
  type FloatTensor,
  formatShape,
  sharedRuntime,
  Tensor,
} from '../tensor.js'

/** Throws unless t is a tensor of a float dtype. */
export function checkFloat(operation: string, name: string, t: AnyTensor): void {
  checkTensor(operation, name, t)
  if (isFloat(t.dtype)) return
  throw new DTypeError(
    `${operation}: expected ${name} to be float32 or float64, got ${t.dtype}; convert it with ${name}.to('float32')`,
  )
}

/** Throws unless t is a tensor of a float dtype or int32, and the number beside an int32 one an int32 too. */
export function checkArithmetic(operation: string, name: string, t: AnyTensor, number = 0): void {
  checkTensor(operation, name, t)
  if (t.dtype === 'int32') checkInteger(operation, 'the number beside an int32 tensor', number, -(2 ** 31))
  else checkFloat(operation, name, t)
}

/** Throws unless t is a tensor that was not disposed and whose engine runs. */
export function checkTensor(operation: string, name: string, t: unknown): void {
  if (!(t instanceof Tensor)) {
    throw new ArgumentError(`${operation}: expected ${name} to be a tensor, got ${t === null ? 'null' : typeof t}`)
  }
  if (t.disposed) throw disposedError(operation, t)
  sharedRuntime(operation, t)
}

/** The first of the tensors; throws unless it is a list of them, and not empty. */
export function checkTensors<D extends DType>(operation: string, tensors: readonly Tensor<D>[]): Tensor<D> {
  if (!Array.isArray(tensors)) {
    throw new ArgumentError(`${operation}: expected an array of tensors, got ${shown(tensors)}`)
  }
  for (const t of tensors) checkTensor(operation, 'tensors', t)
  if (tensors.length > 0) return tensors[0] as Tensor<D>
  throw new ShapeError(`${operation}: expected at least one tensor, got none`)
}

/** Throws unless options are an object; those left out have become one already. */
export function checkOptions(operation: string, options: unknown): void {
  if (typeof options === 'object' && options && !Array.isArray(options) && !(options instanceof Tensor)) return
  throw new ArgumentError(`${operation}: expected options in an object, got ${shown(options)}`)
}

/** true or false; `otherwise` where it is left out. */
export function checkBoolean(
  operation: string,
  name: string,
  value: boolean | null | undefined,
  otherwise: boolean,
): boolean {
  if (value === undefined || value === null) return otherwise
  if (typeof value === 'boolean') return value
  throw new ArgumentError(`${operation}: expected ${name} to be true or false, got ${shown(value)}`)
}

/** Any number, NaN and the infinities among them. */
export function checkValue(operation: string, name: string, value: number): number {
  if (typeof value === 'number') return value
  throw new ArgumentError(`${operation}: expected ${name} to be a number, got ${shown(value)}`)
}

/** A list of numbers, of whatever length. */
export function checkList(operation: string, name: string, list: readonly number[]): readonly number[] {
  if (Array.isArray(list)) return list
  throw new ArgumentError(`${operation}: expected ${name} to be an array of integers, got ${shown(list)}`)
}

/** Throws unless t has this dtype. */
export function checkDTypeIs(operation: string, name: string, t: AnyTensor, dtype: DType): void {
  checkTensor(operation, name, t)
  if (t.dtype === dtype) return
  throw new DTypeError(`${operation}: expected ${name} to be ${dtype}, got ${t.dtype}`)
}

/** Throws unless both have one dtype. */
export function checkSameDType(operation: string, a: AnyTensor, b: AnyTensor): void {
  if (a.dtype === b.dtype) return
  throw new DTypeError(
    `${operation}: expected operands of one dtype, got ${a.dtype} and ${b.dtype}; convert one with to()`,
  )
}

/** Throws unless t has `rank` dimensions; `layout` names them, as in '(N,C,H,W)'. */
export function checkRank(operation: string, name: string, t: AnyTensor, rank: number, layout: string): void {
  if (t.ndim === rank) return
  throw new ShapeError(`${operation}: expected ${name} ${layout} with ${rank} dimensions, got ${formatShape(t.shape)}`)
}

/** dim counted from the front, of a tensor with `rank` dimensions; throws ShapeError when there is none such. */
export function checkDim(operation: string, dim: number, rank: number): number {
  if (Number.isInteger(dim) && dim >= -rank && dim < rank) return dim < 0 ? dim + rank : dim
  const range = rank === 0 ? 'no dimension (the tensor is a scalar)' : `dim from ${-rank} to ${rank - 1}`
  throw new ShapeError(`${operation}: expected ${range}, got ${shown(dim)}`)
}

/** The distinct dims asked for, ascending; all of them when `dims` is undefined. */
export function checkDims(operation: string, dims: number | readonly number[] | undefined, rank: number): number[] {
  if (dims === undefined) return Array.from({ length: rank }, (_, i) => i)
  const list = Array.from(Array.isArray(dims) ? dims : [dims], (d) => checkDim(operation, d, rank))
  if (new Set(list).size !== list.length) {
    throw new ShapeError(`${operation}: expected distinct dims, got ${shown(dims)} for ${rank} dimensions`)
  }
  return list.sort((a, b) => a - b)
}

/** The dims that a reduction's options ask for, ascending, and whether it keeps them. */
export function checkReduction(
  operation: string,
  options: { dim?: number | readonly number[]; keepdim?: boolean },
  rank: number,
): { dims: number[]; keepdim: boolean } {
  checkOptions(operation, options)
  const keepdim = checkBoolean(operation, 'keepdim', options.keepdim, false)
  return { dims: checkDims(operation, options.dim, rank), keepdim }
}

/** The most dimensions that kernels loop over. */
export const maxRank = 16

/** A shape: at most 16 whole numbers below 2³¹, none below `least`. */
export function checkShape(operation: string, shape: readonly number[], least = 0): readonly number[] {
  if (Array.isArray(shape) && shape.length > maxRank) {
    throw new ShapeError(`${operation}: expected at most ${maxRank} dimensions, got ${shape.length}`)
  }
  const fits = (n: unknown) => Number.isInteger(n) && (n as number) >= least && (n as number) <= maxSize
  // from, because every() passes over holes.
  if (Array.isArray(shape) && Array.from(shape).every(fits)) return shape
  const range = least === 0 ? 'non-negative integers' : `integers of at least ${least}`
  throw new ShapeError(`${operation}: expected a shape of ${range} below 2³¹, got ${shown(shape)}`)
}

/** A whole number in [low, high]. */
export function checkInteger(operation: string, name: string, value: number, low: number, high = 2 ** 31 - 1): number {
  if (Number.isInteger(value) && value >= low && value <= high) return value
  const range = high === 2 ** 31 - 1 ? `of at least ${low}` : `from ${low} to ${high}`
  throw new ArgumentError(`${operation}: expected ${name} to be an integer ${range}, got ${shown(value)}`)
}

/** A number in [low, high]. */
export function checkNumber(
  operation: string,
  name: string,
  value: number,
  low: number,
  high = Number.MAX_VALUE,
): number {
  if (typeof value === 'number' && value >= low && value <= high) return value
  const range = high === Number.MAX_VALUE ? `of at least ${low}` : `from ${low} to ${high}`
  throw new ArgumentError(`${operation}: expected ${name} to be a number ${range}, got ${shown(value)}`)
}

/** A number or a pair of them, as [height, width]. */
export function checkPair(
  operation: string,
  name: string,
  value: number | readonly number[],
  low: number,
): [number, number] {
  const pair = typeof value === 'number' ? [value, value] : value
  if (!Array.isArray(pair) || pair.length !== 2) {
    throw new ArgumentError(`${operation}: expected ${name} to be an integer or a pair of them, got ${shown(value)}`)
  }
  return [checkInteger(operation, name, pair[0], low), checkInteger(operation, name, pair[1], low)]
}

/** The shape both broadcast to, by NumPy's rules; throws ShapeError when they do not. */
export function broadcastShapes(operation: string, a: readonly number[], b: readonly number[]): readonly number[] {
  if (sameShape(a, b)) return a
  const rank = Math.max(a.length, b.length)
  const shape = new Array<number>(rank)
  for (let i = 1; i <= rank; i++) {
    const m = a[a.length - i] ?? 1
    const n = b[b.length - i] ?? 1
    if (m !== n && m !== 1 && n !== 1) {
      throw new ShapeError(
        `${operation}: expected shapes that broadcast together, got ${formatShape(a)} and ${formatShape(b)} (${m} against ${n})`,
      )
    }
    shape[rank - i] = m === 1 ? n : m
  }
  return shape
}

/** Strides that walk t as if it had the shape it broadcasts to. */
export function broadcastStrides(t: AnyTensor, shape: readonly number[]): readonly number[] {
  if (sameShape(t.shape, shape)) return t.strides
  const strides = new Array<number>(shape.length).fill(0)
  for (let i = 1; i <= t.ndim; i++) {
    if (t.shape[t.ndim - i] !== 1) strides[shape.length - i] = t.strides[t.ndim - i] as number
  }
  return strides
}

/** Throws unless t, beside x, has this shape and x's dtype. */
export function checkShapeIs(op: string, name: string, x: FloatTensor, t: FloatTensor, shape: readonly number[]): void {
  checkFloat(op, name, t)
  checkSameDType(op, x, t)
  if (sameShape(t.shape, shape)) return
  throw new ShapeError(
    `${op}: expected ${name} of shape ${formatShape(shape)} (input ${formatShape(x.shape)}), got ${formatShape(t.shape)}`,
  )
}
