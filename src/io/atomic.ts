import { mkdir, open, realpath, rename, rm, writeFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { ArgumentError } from '../errors.js'
import { fullPath } from './read.js'

/**
 * Writes a file so that whoever looks finds the old one or the whole new one, even after a crash: into a temporary file in
 * the same folder (made if missing), to the disk, then renamed. Throws ArgumentError, leaving nothing behind, if it cannot.
 */
export async function writeAtomically(
  path: string | URL,
  content: string | Iterable<Uint8Array>,
  operation = 'writeAtomically',
): Promise<void> {
  const given = fullPath(operation, path)
  try {
    // A link stays a link: what it points to is replaced.
    const target = await realpath(given).catch(() => given)
    await mkdir(dirname(target), { recursive: true })
    await replace(target, content)
  } catch (cause) {
    throw new ArgumentError(
      `${operation}: expected to write ${given}, got ${(cause as Error).message}; nothing was changed`,
      { cause },
    )
  }
}

async function replace(target: string, content: string | Iterable<Uint8Array>): Promise<void> {
  const temporary = join(dirname(target), `.${basename(target)}.${process.pid}-${crypto.randomUUID()}.tmp`)
  try {
    const file = await open(temporary, 'wx')
    try {
      await writeFile(file, content)
      await file.sync()
    } finally {
      await file.close()
    }
    await rename(temporary, target)
  } catch (error) {
    await rm(temporary, { force: true })
    throw error
  }
  await syncFolder(dirname(target))
}

// The new name must reach the disk too. Not every system can do this to a folder; the content is safe without.
async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r').catch(() => null)
  await folder?.sync().catch(() => {})
  await folder?.close()
}
