import { type FileHandle, open } from 'node:fs/promises'
import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { ArgumentError, FormatError } from '../errors.js'

/** What is read and for whom, so that errors can tell: operation 'readIdx', what 'an IDX file'. */
export interface Reading {
  operation: string
  what: string
  /** Bytes wanted from the beginning; the whole file by default. */
  limit?: number
}

// One read of the system takes less than 2 GiB.
const readBytesAtOnce = 1 << 30

/** The path from the root; throws ArgumentError for what is no path. */
export function fullPath(operation: string, path: string | URL): string {
  if (path instanceof URL && path.protocol === 'file:') return fileURLToPath(path)
  if (typeof path === 'string' && path !== '') return resolve(path)
  const got = path === '' ? 'an empty string' : path === null ? 'null' : path instanceof URL ? path.href : typeof path
  throw new ArgumentError(`${operation}: expected a path or a file: URL, got ${got}`)
}

/** The bytes of a file; throws FormatError if it is missing, a folder, empty or unreadable. */
export async function readBytes(path: string | URL, reading: Reading): Promise<Uint8Array> {
  const full = fullPath(reading.operation, path)
  const fail = (got: string, cause?: unknown): never => {
    throw new FormatError(`${reading.operation}: expected ${reading.what} at ${full}, got ${got}`, { cause })
  }
  let bytes: Uint8Array
  try {
    const file = await open(full, 'r')
    try {
      const stats = await file.stat()
      if (stats.isDirectory()) throw Object.assign(new Error(), { code: 'EISDIR' })
      bytes = await fill(file, new Uint8Array(Math.min(stats.size, reading.limit ?? stats.size)))
    } finally {
      await file.close()
    }
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ENOTDIR') fail('no such file; check the path', cause)
    if (code === 'EISDIR') fail('a folder; give the path of a file in it', cause)
    return fail(message, cause)
  }
  if (bytes.length === 0) fail('an empty file; write or download it again')
  return bytes
}

async function fill(file: FileHandle, bytes: Uint8Array): Promise<Uint8Array> {
  let filled = 0
  while (filled < bytes.length) {
    const { bytesRead } = await file.read(bytes, filled, Math.min(bytes.length - filled, readBytesAtOnce), filled)
    if (bytesRead === 0) break
    filled += bytesRead
  }
  return bytes.subarray(0, filled)
}
