import { checkDType, dtypes } from '../engine/dtype.js'
import { sizeOf } from '../engine/layout.js'
import { ArgumentError, DTypeError, FormatError, ShapeError } from '../errors.js'
import { checkShape } from '../ops/check.js'
import { type DType, formatShape, type TypedArray } from '../tensor.js'
import { describeForeign } from './foreign.js'
import { storedDTypes, storedNames } from './safetensors-dtypes.js'

// The format: https://github.com/huggingface/safetensors#format

/** A tensor as plain data, in row-major order. */
export interface SafetensorsEntry {
  dtype: DType
  shape: readonly number[]
  data: TypedArray
}

export type SafetensorsMetadata = Record<string, string>

/** Where a tensor's bytes lie in the data part. */
interface Place {
  name: string
  stored: string
  shape: number[]
  begin: number
  end: number
}

interface Header {
  /** In the order of the file's header. */
  places: Place[]
  metadata: SafetensorsMetadata
  /** Where the data part begins. */
  start: number
}

const metadataKey = '__metadata__'
const maxHeader = 100_000_000

export const entriesOf = <T>(dict: Readonly<Record<string, T>> | ReadonlyMap<string, T>): [string, T][] =>
  dict instanceof Map ? [...dict] : Object.entries(dict)

/** A safetensors file in memory. Throws ShapeError, DTypeError or ArgumentError for an entry that is not sound. */
export function encodeSafetensors(
  entries: Readonly<Record<string, SafetensorsEntry>> | ReadonlyMap<string, SafetensorsEntry>,
  metadata: SafetensorsMetadata = {},
): Uint8Array {
  const chunks = encodeChunks('encodeSafetensors', entriesOf(entries), metadata)
  const file = new Uint8Array(chunks.reduce((sum, chunk) => sum + chunk.length, 0))
  let offset = 0
  for (const chunk of chunks) {
    file.set(chunk, offset)
    offset += chunk.length
  }
  return file
}

/** @internal The file in pieces: the header, then each tensor's own memory. */
export function encodeChunks(
  operation: string,
  entries: readonly [string, SafetensorsEntry][],
  metadata: SafetensorsMetadata,
): Uint8Array[] {
  const header: Record<string, unknown> = {}
  const meta = checkMetadata(operation, metadata)
  if (Object.keys(meta).length > 0) header[metadataKey] = meta
  // Large elements first, so that all are aligned; else the order given.
  const sorted = entries.map(([name, entry]) => [name, checkEntry(operation, name, entry)] as const)
  sorted.sort(([, a], [, b]) => b.data.BYTES_PER_ELEMENT - a.data.BYTES_PER_ELEMENT)
  let offset = 0
  for (const [name, { dtype, shape, data }] of sorted) {
    const place = { dtype: storedNames[dtype], shape, data_offsets: [offset, offset + data.byteLength] }
    Object.defineProperty(header, name, { value: place, enumerable: true })
    offset += data.byteLength
  }
  const text = new TextEncoder().encode(JSON.stringify(header))
  const padded = new Uint8Array(8 + Math.ceil(text.length / 8) * 8).fill(0x20)
  if (padded.length - 8 > maxHeader) {
    throw new ArgumentError(`${operation}: expected names and metadata of at most 100 MB, got ${text.length} bytes`)
  }
  padded.set(text, 8)
  new DataView(padded.buffer).setBigUint64(0, BigInt(padded.length - 8), true)
  return [padded, ...sorted.map(([, { data }]) => new Uint8Array(data.buffer, data.byteOffset, data.byteLength))]
}

function checkEntry(operation: string, name: string, entry: SafetensorsEntry): SafetensorsEntry {
  const { shape, data } = entry
  if (name === metadataKey) {
    throw new ArgumentError(
      `${operation}: expected tensors named otherwise than ${metadataKey}, which the format reserves`,
    )
  }
  const { array } = dtypes[checkDType(operation, entry.dtype)]
  if (!(data instanceof array)) {
    const got = Object.prototype.toString.call(data).slice(8, -1)
    throw new DTypeError(`${operation}: expected the data of '${name}' (${entry.dtype}) in a ${array.name}, got ${got}`)
  }
  if (data.length !== sizeOf(checkShape(operation, shape))) {
    throw new ShapeError(
      `${operation}: expected ${sizeOf(shape)} values for '${name}' of shape ${formatShape(shape)}, got ${data.length}`,
    )
  }
  return entry
}

function checkMetadata(operation: string, metadata: SafetensorsMetadata): SafetensorsMetadata {
  for (const [key, value] of Object.entries(metadata)) {
    if (typeof value === 'string') continue
    throw new ArgumentError(
      `${operation}: expected metadata values to be strings, got ${typeof value} for '${key}'; use JSON.stringify`,
    )
  }
  return metadata
}

/**
 * The tensors and metadata of a safetensors file in memory, checked in full; data may share memory with bytes. F16 and BF16
 * are widened to float32, integers become int32. Throws FormatError; `where` is what its message begins with.
 */
export function parseSafetensors(
  bytes: Uint8Array,
  where = 'parseSafetensors',
): { entries: Record<string, SafetensorsEntry>; metadata: SafetensorsMetadata } {
  const { places, metadata, start } = parseHeader(bytes, where)
  checkContiguous(places, bytes.length - start, where)
  const entries = places.map(({ name, stored, shape, begin, end }) => {
    const { dtype, read } = storedDTypes[stored] as (typeof storedDTypes)[string]
    const data = read(new Uint8Array(bytes.buffer, bytes.byteOffset + start + begin, end - begin))
    if (!data) {
      throw new FormatError(
        `${where}: expected the ${stored} values of '${name}' to fit into int32 (the only integer dtype for them here), ` +
          'got one that does not; save it as F64',
      )
    }
    return [name, { dtype, shape, data }] as const
  })
  return { entries: Object.fromEntries(entries), metadata }
}

/** @internal How many bytes at the beginning of the file parseHeader needs, from its first 9 bytes. */
export function headerEnd(bytes: Uint8Array, where: string): number {
  const fail = (got: string): never => {
    throw new FormatError(
      `${where}: expected a safetensors file (8 bytes of header length, then a JSON header), got ${got}`,
    )
  }
  if (bytes.length < 9) fail(bytes.length === 0 ? 'nothing (0 bytes)' : describeForeign(bytes))
  const { buffer, byteOffset } = bytes
  const length = new DataView(buffer, byteOffset).getBigUint64(0, true)
  if (length > maxHeader || bytes[8] !== 0x7b) fail(describeForeign(bytes))
  return 8 + Number(length)
}

/** @internal The header, its own syntax checked, from bytes that reach to its end at least. */
export function parseHeader(bytes: Uint8Array, where: string): Header {
  const start = headerEnd(bytes, where)
  if (start > bytes.length) {
    throw new FormatError(
      `${where}: expected a header of ${start - 8} bytes, got a file cut off after ${bytes.length} bytes; copy or download it again`,
    )
  }
  const fail = (expected: string, got: string): never => {
    throw new FormatError(
      `${where}: expected ${expected}, got ${got}; the file is damaged or written by faulty software`,
    )
  }
  const header = parseJson(bytes.subarray(8, start), fail)
  const { [metadataKey]: metadata = {}, ...tensors } = header
  if (!isRecord(metadata) || Object.values(metadata).some((value) => typeof value !== 'string')) {
    return fail(`${metadataKey} to map names to strings`, brief(metadata))
  }
  const places = Object.entries(tensors).map(([name, value]) => parsePlace(name, value, fail))
  return { places, metadata: metadata as SafetensorsMetadata, start }
}

type Fail = (expected: string, got: string) => never

function parseJson(bytes: Uint8Array, fail: Fail): Record<string, unknown> {
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes)
    const header: unknown = JSON.parse(text)
    const key = repeatedKey(text)
    if (key !== null) fail('every name once in the header', `'${key}' twice`)
    return header as Record<string, unknown>
  } catch (error) {
    if (error instanceof FormatError) throw error
    return fail('a JSON header', `what does not parse (${(error as Error).message.slice(0, 120)})`)
  }
}

// JSON.parse takes the last of several values in silence.
function repeatedKey(json: string): string | null {
  const open: Set<string>[] = []
  for (const [token, string, colon] of json.matchAll(/("[^"\\]*(?:\\.[^"\\]*)*")(\s*:)?|[{}[\]]/g)) {
    if (token === '{' || token === '[') open.push(new Set())
    else if (token === '}' || token === ']') open.pop()
    else if (string && colon) {
      const key = JSON.parse(string) as string
      if (open.at(-1)?.has(key)) return key
      open.at(-1)?.add(key)
    }
  }
  return null
}

function parsePlace(name: string, value: unknown, fail: Fail): Place {
  const { dtype, shape, data_offsets: offsets } = isRecord(value) ? value : ({} as Record<string, unknown>)
  if (typeof dtype !== 'string' || !isCounts(shape) || !isCounts(offsets) || offsets.length !== 2) {
    return fail(`'${name}' to have a dtype, a shape and two data_offsets`, brief(value))
  }
  const stored = Object.hasOwn(storedDTypes, dtype) ? storedDTypes[dtype] : undefined
  if (!stored) return fail(`the dtype of '${name}' to be one of ${Object.keys(storedDTypes).join(' ')}`, dtype)
  const [begin, end] = offsets as [number, number]
  const size = sizeOf(shape) * stored.bytes
  if (end - begin !== size) {
    return fail(
      `${size} bytes for '${name}' (${dtype} ${formatShape(shape)})`,
      `${end - begin} (data_offsets ${begin}, ${end})`,
    )
  }
  return { name, stored: dtype, shape, begin, end }
}

function checkContiguous(places: readonly Place[], available: number, where: string): void {
  const sorted = [...places].sort((a, b) => a.begin - b.begin || a.end - b.end)
  let offset = 0
  for (const { name, begin, end } of sorted) {
    if (begin !== offset) {
      const what = begin < offset ? 'overlaps the tensor before' : 'leaves a hole'
      throw new FormatError(
        `${where}: expected the data of '${name}' to begin at byte ${offset}, got ${begin}, which ${what}; ` +
          'the file is damaged or written by faulty software',
      )
    }
    offset = end
  }
  if (offset === available) return
  const [got, remedy] =
    available < offset
      ? ['the file is cut off', 'copy or download it again']
      : ['bytes follow that belong to no tensor', 'the file is damaged or written by faulty software']
  throw new FormatError(`${where}: expected ${offset} bytes of data, got ${available}: ${got}; ${remedy}`)
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const isCounts = (value: unknown): value is number[] =>
  Array.isArray(value) && value.every((n) => Number.isSafeInteger(n) && n >= 0)

const brief = (value: unknown): string => (JSON.stringify(value) ?? 'nothing').slice(0, 120)
