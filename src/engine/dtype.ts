import { DTypeError } from '../errors.js'
import { shown } from './shown.js'

export type DType = 'float32' | 'float64' | 'int32' | 'uint8' | 'bool'
export type FloatDType = 'float32' | 'float64'

/** The typed array that holds a tensor's values in JavaScript; bool is 0 or 1 in a Uint8Array. */
export type TypedArrayOf<D extends DType> = D extends 'float32'
  ? Float32Array
  : D extends 'float64'
    ? Float64Array
    : D extends 'int32'
      ? Int32Array
      : Uint8Array
export type TypedArray = Float32Array | Float64Array | Int32Array | Uint8Array

interface DTypeInfo {
  code: number // as in native/kernels/kernels.h
  bytes: number
  array: Float32ArrayConstructor | Float64ArrayConstructor | Int32ArrayConstructor | Uint8ArrayConstructor
}

export const dtypes: Record<DType, DTypeInfo> = {
  float32: { code: 0, bytes: 4, array: Float32Array },
  float64: { code: 1, bytes: 8, array: Float64Array },
  int32: { code: 2, bytes: 4, array: Int32Array },
  uint8: { code: 3, bytes: 1, array: Uint8Array },
  bool: { code: 4, bytes: 1, array: Uint8Array },
}

export const isFloat = (dtype: DType): dtype is FloatDType => dtype === 'float32' || dtype === 'float64'

/** Returns dtype, or throws a DTypeError that names the operation when it is none of the five. */
export function checkDType(operation: string, dtype: string): DType {
  if (typeof dtype === 'string' && Object.hasOwn(dtypes, dtype)) return dtype as DType
  const got = typeof dtype === 'string' && dtype ? dtype : shown(dtype)
  throw new DTypeError(`${operation}: expected dtype to be one of ${Object.keys(dtypes).join(', ')}, got ${got}`)
}
