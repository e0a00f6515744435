import { checkDType, dtypes, isFloat } from '../engine/dtype.js'
import { maxSize, sizeOf } from '../engine/layout.js'
import * as opcodes from '../engine/opcodes.js'
import { ArgumentError, DTypeError, MemoryError, ShapeError } from '../errors.js'
import {
  type AnyTensor,
  allocate,
  type DType,
  type FloatDType,
  formatShape,
  type NestedArray,
  type Tensor,
  type TypedArray,
} from '../tensor.js'
import { checkBoolean, checkInteger, checkOptions, checkShape, checkTensor, checkValue } from './check.js'
import { draw } from './random.js'

export interface CreateOptions<D extends DType> {
  dtype?: D
  requiresGrad?: boolean
}

/** A tensor from numbers, nested arrays or a typed array (copied), in float32 or the typed array's dtype unless told. */
export function tensor(
  data: Float64Array,
  options?: { shape?: readonly number[]; requiresGrad?: boolean },
): Tensor<'float64'>
export function tensor(
  data: Int32Array,
  options?: { shape?: readonly number[]; requiresGrad?: boolean },
): Tensor<'int32'>
export function tensor(
  data: Uint8Array,
  options?: { shape?: readonly number[]; requiresGrad?: boolean },
): Tensor<'uint8'>
export function tensor<D extends DType = 'float32'>(
  data: NestedArray | TypedArray,
  options?: CreateOptions<D> & { shape?: readonly number[] },
): Tensor<D>
export function tensor(
  data: NestedArray | TypedArray,
  options: CreateOptions<DType> & { shape?: readonly number[] } = {},
): AnyTensor {
  const typed = ArrayBuffer.isView(data)
  const { dtype, requiresGrad } = checkMaking('tensor', options, typed ? dtypeOf(data) : 'float32')
  const found: number[] = typed ? [data.length] : shapeOf(data)
  const shape = options.shape === undefined ? found : checkShape('tensor', options.shape)
  const size = sizeOf(shape)
  if (size !== sizeOf(found)) {
    throw new ShapeError(`tensor: expected ${size} values for shape ${formatShape(shape)}, got ${sizeOf(found)}`)
  }
  return fromValues(typed ? data : flat(data), shape, dtype, requiresGrad)
}

function fromValues<D extends DType>(
  values: ArrayLike<number>,
  shape: readonly number[],
  dtype: D,
  requiresGrad: boolean,
): Tensor<D> {
  const t = allocate(dtype, [...shape])
  t.storage.runtime.write(t.storage.id, convert(values, dtype))
  t.requiresGrad = requiresGrad
  return t
}

/** The dtype asked for, and whether a gradient is wanted; throws unless the two and the options make sense. */
function checkMaking<D extends DType>(operation: string, options: CreateOptions<D>, otherwise: DType = 'float32') {
  checkOptions(operation, options)
  const dtype = checkDType(operation, options.dtype ?? otherwise) as D
  const requiresGrad = checkBoolean(operation, 'requiresGrad', options.requiresGrad, false)
  if (!requiresGrad || isFloat(dtype)) return { dtype, requiresGrad }
  throw new DTypeError(`${operation}: expected a float dtype where requiresGrad is true, got ${dtype}`)
}

/** Room for n numbers. */
function hostArray(operation: string, n: number): Float64Array<ArrayBuffer> {
  try {
    return new Float64Array(n)
  } catch (cause) {
    throw new MemoryError(`${operation}: expected room for the values, got none for ${n} of them`, { cause })
  }
}

function dtypeOf(data: TypedArray): DType {
  for (const dtype of ['float32', 'float64', 'int32', 'uint8'] as const)
    if (data instanceof dtypes[dtype].array) return dtype
  throw new DTypeError(
    `tensor: expected a Float32Array, Float64Array, Int32Array or Uint8Array, got ${Object.prototype.toString.call(data).slice(8, -1)}; ` +
      'convert it to one of them',
  )
}

function shapeOf(data: NestedArray): number[] {
  if (typeof data === 'number') return []
  if (!Array.isArray(data)) {
    throw new ArgumentError(
      `tensor: expected numbers, nested arrays or a typed array, got ${data === null ? 'null' : typeof data}`,
    )
  }
  const inner = data.length > 0 ? shapeOf(data[0] as NestedArray) : []
  for (const [i, row] of data.entries()) {
    const other = shapeOf(row)
    if (other.length !== inner.length || other.some((n, k) => n !== inner[k])) {
      throw new ShapeError(
        `tensor: expected rows of one shape, got ${formatShape(inner)} at 0 and ${formatShape(other)} at ${i}`,
      )
    }
  }
  return [data.length, ...inner]
}

function flat(data: NestedArray, into: number[] = []): number[] {
  if (typeof data === 'number') into.push(data)
  else for (const inner of data) flat(inner, into)
  return into
}

function convert(values: ArrayLike<number>, dtype: DType): TypedArray {
  const { array } = dtypes[dtype]
  if (values instanceof array && dtype !== 'bool') return values
  if (dtype === 'bool') return Uint8Array.from(values, (v) => Number(v !== 0))
  if (dtype === 'uint8') return Uint8Array.from(Uint8ClampedArray.from(values, Math.trunc))
  return array.from(values)
}

/** A tensor filled with one value. */
export const full = <D extends DType = 'float32'>(
  shape: readonly number[],
  value: number,
  options: CreateOptions<D> = {},
): Tensor<D> => filled('full', shape, checkValue('full', 'value', value), options)

function filled<D extends DType>(
  operation: string,
  shape: readonly number[],
  value: number,
  options: CreateOptions<D>,
): Tensor<D> {
  const t = made(operation, shape, options)
  const stored = t.dtype === 'bool' ? Number(value !== 0) : value
  opcodes.fill(t.storage.runtime.encode(), t.dtype, { out: t, n: t.size, value: stored })
  return t
}

function made<D extends DType>(operation: string, shape: readonly number[], options: CreateOptions<D>): Tensor<D> {
  const { dtype, requiresGrad } = checkMaking(operation, options)
  const t = allocate(dtype, [...checkShape(operation, shape)])
  t.requiresGrad = requiresGrad
  return t
}

export const zeros = <D extends DType = 'float32'>(
  shape: readonly number[],
  options: CreateOptions<D> = {},
): Tensor<D> => filled('zeros', shape, 0, options)
export const ones = <D extends DType = 'float32'>(
  shape: readonly number[],
  options: CreateOptions<D> = {},
): Tensor<D> => filled('ones', shape, 1, options)
export const zerosLike = <D extends DType>(x: Tensor<D>): Tensor<D> => filledLike('zerosLike', x, 0)
export const onesLike = <D extends DType>(x: Tensor<D>): Tensor<D> => filledLike('onesLike', x, 1)

function filledLike<D extends DType>(operation: string, x: Tensor<D>, value: number): Tensor<D> {
  checkTensor(operation, 'x', x)
  return filled(operation, x.shape, value, { dtype: x.dtype })
}

/** A tensor whose values are whatever its memory held. */
export const empty = <D extends DType = 'float32'>(
  shape: readonly number[],
  options: CreateOptions<D> = {},
): Tensor<D> => made('empty', shape, options)

function madeFloat<D extends FloatDType>(
  operation: string,
  shape: readonly number[],
  options: CreateOptions<D>,
): Tensor<D> {
  const { dtype } = checkMaking(operation, options)
  if (isFloat(dtype)) return made(operation, shape, options)
  throw new DTypeError(`${operation}: expected dtype to be float32 or float64, got ${dtype}`)
}

/** Uniform in [0, 1). */
export function rand<D extends FloatDType = 'float32'>(
  shape: readonly number[],
  options: CreateOptions<D> = {},
): Tensor<D> {
  const t = madeFloat('rand', shape, options)
  opcodes.uniform(t.storage.runtime.encode(), t.dtype, { out: t, n: t.size, low: 0, high: 1, ...draw(t.size) })
  return t
}

/** Normal with mean 0 and standard deviation 1. */
export function randn<D extends FloatDType = 'float32'>(
  shape: readonly number[],
  options: CreateOptions<D> = {},
): Tensor<D> {
  const t = madeFloat('randn', shape, options)
  opcodes.normal(t.storage.runtime.encode(), t.dtype, { out: t, n: t.size, mean: 0, std: 1, ...draw(t.size) })
  return t
}

/** Whole numbers in [low, high), all alike probable. */
export function randint(low: number, high: number, shape: readonly number[]): Tensor<'int32'> {
  checkInteger('randint', 'low', low, -(2 ** 31))
  checkInteger('randint', 'high', high, low + 1)
  const u = made('randint', shape, { dtype: 'float64' })
  const out = allocate('int32', u.shape)
  const { runtime } = u.storage
  // floor, not truncation: draw from [0, high - low) and shift.
  opcodes.uniform(runtime.encode(), 'float64', { out: u, n: u.size, low: 0, high: high - low, ...draw(u.size) })
  const shifted = { kind: opcodes.Binary.add, reversed: 0, value: low }
  const whole = allocate('int32', u.shape)
  opcodes.toInt32(runtime.encode(), 'float64', { out: whole, x: u, n: u.size })
  opcodes.toFloat(runtime.encode(), 'float64', { out: u, from: dtypes.int32.code, x: whole, n: u.size })
  opcodes.scalar(runtime.encode(), 'float64', { out: u, x: u, ...shifted, rank: 1, layout: [u.size, 1, 1] })
  opcodes.toInt32(runtime.encode(), 'float64', { out, x: u, n: u.size })
  u.dispose()
  whole.dispose()
  return out
}

/** start, start + step, … before end. */
export function arange<D extends DType = 'float32'>(
  start: number,
  end: number,
  step = 1,
  options: CreateOptions<D> = {},
): Tensor<D> {
  const { dtype, requiresGrad } = checkMaking('arange', options)
  checkValue('arange', 'start', start)
  checkValue('arange', 'end', end)
  if (checkValue('arange', 'step', step) === 0) throw new ArgumentError('arange: expected a step other than 0, got 0')
  const n = Math.max(0, Math.ceil((end - start) / step))
  if (!(n <= maxSize)) {
    throw new ArgumentError(
      `arange: expected at most ${maxSize} values, got ${n} from start ${start}, end ${end} and step ${step}`,
    )
  }
  const values = hostArray('arange', n)
  for (let i = 0; i < n; i++) values[i] = start + i * step
  return fromValues(values, [n], dtype, requiresGrad)
}

/** `steps` values from start to end, both included, evenly spaced. */
export function linspace<D extends FloatDType = 'float32'>(
  start: number,
  end: number,
  steps: number,
  options: CreateOptions<D> = {},
): Tensor<D> {
  const { dtype, requiresGrad } = checkMaking('linspace', options)
  checkValue('linspace', 'start', start)
  checkValue('linspace', 'end', end)
  checkInteger('linspace', 'steps', steps, 0)
  const gap = steps > 1 ? (end - start) / (steps - 1) : 0
  const value = (i: number) => (i < steps / 2 ? start + i * gap : end - (steps - 1 - i) * gap)
  const values = hostArray('linspace', steps)
  for (let i = 0; i < steps; i++) values[i] = steps === 1 ? start : value(i)
  return fromValues(values, [steps], dtype, requiresGrad)
}

/** The identity matrix, or its first m columns. */
export function eye<D extends DType = 'float32'>(n: number, m = n, options: CreateOptions<D> = {}): Tensor<D> {
  const { dtype, requiresGrad } = checkMaking('eye', options)
  const shape = checkShape('eye', [n, m])
  const values = hostArray('eye', sizeOf(shape))
  for (let i = 0; i < Math.min(n, m); i++) values[i * m + i] = 1
  return fromValues(values, shape, dtype, requiresGrad)
}
