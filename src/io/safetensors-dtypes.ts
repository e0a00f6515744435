import type { DType, TypedArray } from '../tensor.js'

interface StoredDType {
  bytes: number
  /** What it becomes here. */
  dtype: DType
  /** Null when a value does not fit into dtype. */
  read(bytes: Uint8Array): TypedArray | null
}

/** The dtypes that a file may hold and Quern can read; all are little-endian. */
export const storedDTypes: Record<string, StoredDType> = {
  F64: { bytes: 8, dtype: 'float64', read: (bytes) => view(Float64Array, bytes) },
  F32: { bytes: 4, dtype: 'float32', read: (bytes) => view(Float32Array, bytes) },
  F16: { bytes: 2, dtype: 'float32', read: (bytes) => Float32Array.from(view(Uint16Array, bytes), fromHalf) },
  BF16: { bytes: 2, dtype: 'float32', read: fromBrainFloat },
  I64: { bytes: 8, dtype: 'int32', read: (bytes) => narrow(bytes, (low, high) => high === low >> 31) },
  U64: { bytes: 8, dtype: 'int32', read: (bytes) => narrow(bytes, (low, high) => high === 0 && low >= 0) },
  I32: { bytes: 4, dtype: 'int32', read: (bytes) => view(Int32Array, bytes) },
  U32: { bytes: 4, dtype: 'int32', read: (bytes) => fitting(view(Int32Array, bytes)) },
  I16: { bytes: 2, dtype: 'int32', read: (bytes) => Int32Array.from(view(Int16Array, bytes)) },
  U16: { bytes: 2, dtype: 'int32', read: (bytes) => Int32Array.from(view(Uint16Array, bytes)) },
  I8: { bytes: 1, dtype: 'int32', read: (bytes) => Int32Array.from(view(Int8Array, bytes)) },
  U8: { bytes: 1, dtype: 'uint8', read: (bytes) => bytes },
  BOOL: { bytes: 1, dtype: 'bool', read: (bytes) => bytes.map((v) => Number(v !== 0)) },
}

/** What each of Quern's dtypes is called in a file. */
export const storedNames: Record<DType, string> = {
  float64: 'F64',
  float32: 'F32',
  int32: 'I32',
  uint8: 'U8',
  bool: 'BOOL',
}

interface ArrayType<A> {
  readonly BYTES_PER_ELEMENT: number
  new (buffer: ArrayBufferLike, byteOffset: number, length: number): A
}

// Shares memory with bytes where they are aligned for it.
function view<A>(type: ArrayType<A>, bytes: Uint8Array): A {
  const { buffer, byteOffset } = bytes.byteOffset % type.BYTES_PER_ELEMENT === 0 ? bytes : bytes.slice()
  return new type(buffer, byteOffset, bytes.length / type.BYTES_PER_ELEMENT)
}

const twoTo = (n: number): number => 2 ** n

/** IEEE 754 binary16 from its bits. */
function fromHalf(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1
  const exponent = (bits >> 10) & 31
  const fraction = bits & 1023
  if (exponent === 0) return sign * fraction * twoTo(-24)
  if (exponent === 31) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY
  return sign * (1024 + fraction) * twoTo(exponent - 25)
}

// bfloat16 is the upper half of a float32.
function fromBrainFloat(bytes: Uint8Array): Float32Array {
  return new Float32Array(Uint32Array.from(view(Uint16Array, bytes), (bits) => bits << 16).buffer)
}

function narrow(bytes: Uint8Array, fits: (low: number, high: number) => boolean): Int32Array | null {
  const words = view(Int32Array, bytes)
  const out = new Int32Array(words.length / 2)
  for (let i = 0; i < out.length; i++) {
    const low = words[2 * i] as number
    if (!fits(low, words[2 * i + 1] as number)) return null
    out[i] = low
  }
  return out
}

const fitting = (values: Int32Array): Int32Array | null => (values.some((v) => v < 0) ? null : values)
