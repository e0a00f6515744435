import { promisify } from 'node:util'
import { gunzip } from 'node:zlib'
import { FormatError } from '../errors.js'
import { describeForeign } from '../io/foreign.js'
import { fullPath, readBytes } from '../io/read.js'
import type { DType, TypedArray } from '../tensor.js'

/** What an IDX file holds, in row-major order. */
export interface IdxArray {
  dtype: DType
  shape: number[]
  data: TypedArray
}

interface Element {
  bytes: number
  dtype: DType
  read(bytes: Uint8Array, n: number): TypedArray
}

// The files are big-endian whatever the machine is.
const bigEndian =
  <A extends TypedArray>(type: new (n: number) => A, get: (view: DataView, i: number) => number) =>
  (bytes: Uint8Array, n: number): A => {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    const out = new type(n)
    for (let i = 0; i < n; i++) out[i] = get(view, i)
    return out
  }

// By the third byte of the file: http://yann.lecun.com/exdb/mnist/
const elements: Record<number, Element> = {
  8: { bytes: 1, dtype: 'uint8', read: (bytes) => bytes },
  9: { bytes: 1, dtype: 'int32', read: bigEndian(Int32Array, (view, i) => view.getInt8(i)) },
  11: { bytes: 2, dtype: 'int32', read: bigEndian(Int32Array, (view, i) => view.getInt16(2 * i)) },
  12: { bytes: 4, dtype: 'int32', read: bigEndian(Int32Array, (view, i) => view.getInt32(4 * i)) },
  13: { bytes: 4, dtype: 'float32', read: bigEndian(Float32Array, (view, i) => view.getFloat32(4 * i)) },
  14: { bytes: 8, dtype: 'float64', read: bigEndian(Float64Array, (view, i) => view.getFloat64(8 * i)) },
}

/** Reads an IDX file, plain or gzipped, the format of MNIST; int8 and int16 come as int32. Throws FormatError. */
export async function readIdx(path: string | URL): Promise<IdxArray> {
  const operation = 'readIdx'
  const stored = await readBytes(path, { operation, what: 'an IDX file' })
  const where = `${operation}: ${fullPath(operation, path)}`
  return parseIdx(isGzip(stored) ? await unpack(stored, where) : stored, where)
}

const isGzip = (bytes: Uint8Array): boolean => bytes[0] === 0x1f && bytes[1] === 0x8b

async function unpack(bytes: Uint8Array, where: string): Promise<Uint8Array> {
  try {
    return await promisify(gunzip)(bytes)
  } catch (cause) {
    throw new FormatError(
      `${where}: expected a whole gzip file, got ${(cause as Error).message}; copy or download it again`,
      { cause },
    )
  }
}

function parseIdx(bytes: Uint8Array, where: string): IdxArray {
  const [zero, alsoZero, code = 0, rank = 0] = bytes
  const element = elements[code]
  if (zero !== 0 || alsoZero !== 0 || !element || rank === 0) {
    throw new FormatError(
      `${where}: expected an IDX file (0, 0, a dtype from 08 to 0e, the number of dimensions), got ${describeForeign(bytes)}`,
    )
  }
  const start = 4 + 4 * rank
  if (bytes.length < start) {
    throw new FormatError(
      `${where}: expected ${rank} dimensions in a header of ${start} bytes, got a file of ${bytes.length} bytes; copy or download it again`,
    )
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const shape = Array.from({ length: rank }, (_, i) => view.getUint32(4 + 4 * i))
  const n = shape.reduce((product, size) => product * size, 1)
  const expected = n * element.bytes
  const found = bytes.length - start
  if (found !== expected) {
    const [kind, remedy] =
      found < expected ? ['cut off', 'copy or download it again'] : ['too long', 'check where it comes from']
    throw new FormatError(
      `${where}: expected ${expected} bytes of data for ${shape.join('×')} ${element.dtype}, got ${found}: the file is ${kind}; ${remedy}`,
    )
  }
  return { dtype: element.dtype, shape, data: element.read(bytes.subarray(start), n) }
}
