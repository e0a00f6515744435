import { ArgumentError } from '../errors.js'
import { tensor } from '../ops/create.js'
import { type AnyTensor, Tensor, type TypedArray } from '../tensor.js'
import { writeAtomically } from './atomic.js'
import { fullPath, readBytes } from './read.js'
import {
  encodeChunks,
  entriesOf,
  headerEnd,
  parseHeader,
  parseSafetensors,
  type SafetensorsEntry,
  type SafetensorsMetadata,
} from './safetensors-format.js'

/**
 * Writes tensors, such as a state dict, to a safetensors file, which is then there as a whole or not at all; the values are
 * those at the time of the call. Throws ArgumentError if the file cannot be written.
 */
export async function saveSafetensors(
  path: string | URL,
  dict: Readonly<Record<string, AnyTensor>> | ReadonlyMap<string, AnyTensor>,
  metadata: SafetensorsMetadata = {},
): Promise<void> {
  const operation = 'saveSafetensors'
  fullPath(operation, path)
  const tensors = entriesOf(dict)
  for (const [name, t] of tensors) {
    if (t instanceof Tensor) continue
    throw new ArgumentError(`${operation}: expected '${name}' to be a tensor, got ${t === null ? 'null' : typeof t}`)
  }
  // All are asked for in this turn, so no later step of training shows in some of them only.
  const data = await Promise.all(tensors.map(([, t]) => t.data()))
  const entries = tensors.map(([name, { dtype, shape }], i): [string, SafetensorsEntry] => {
    return [name, { dtype, shape, data: data[i] as TypedArray }]
  })
  await writeAtomically(path, encodeChunks(operation, entries, metadata), operation)
}

/**
 * The tensors of a safetensors file by name, from a path or the file's bytes. F16 and BF16 come as float32, I64 and other
 * integers as int32. Throws FormatError for what is not a sound safetensors file.
 */
export async function loadSafetensors(source: string | URL | Uint8Array): Promise<Record<string, AnyTensor>> {
  const operation = 'loadSafetensors'
  const bytes = source instanceof Uint8Array ? source : await readBytes(source, reading(operation))
  const { entries } = parseSafetensors(bytes, place(operation, source))
  return Object.fromEntries(
    Object.entries(entries).map(([name, { dtype, shape, data }]) => [name, tensor(data, { dtype, shape })]),
  )
}

/** What was given as metadata when a safetensors file was saved; reads its header only. Throws as loadSafetensors does. */
export async function safetensorsMetadata(source: string | URL | Uint8Array): Promise<SafetensorsMetadata> {
  const operation = 'safetensorsMetadata'
  const where = place(operation, source)
  if (source instanceof Uint8Array) return parseHeader(source, where).metadata
  const head = await readBytes(source, { ...reading(operation), limit: 64 })
  const limit = headerEnd(head, where)
  return parseHeader(await readBytes(source, { ...reading(operation), limit }), where).metadata
}

const reading = (operation: string) => ({ operation, what: 'a safetensors file' })

// What an error about the content begins with.
const place = (operation: string, source: string | URL | Uint8Array): string =>
  source instanceof Uint8Array ? operation : `${operation}: ${fullPath(operation, source)}`
