import {
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { writeAtomically } from 'quern/io'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'quern-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

describe('writeAtomically', () => {
  it('replaces a file and leaves nothing beside it', async () => {
    const path = join(folder, 'a.csv')
    await writeAtomically(path, 'one')
    await writeAtomically(path, 'two')
    expect(readFileSync(path, 'utf8')).toBe('two')
    expect(readdirSync(folder)).toEqual(['a.csv'])
  })

  it('writes chunks one after the other', async () => {
    const path = join(folder, 'chunks')
    await writeAtomically(path, [Uint8Array.of(1, 2), new Uint8Array(), Uint8Array.of(3)])
    expect([...readFileSync(path)]).toEqual([1, 2, 3])
  })

  it('keeps the old file when writing fails half way', async () => {
    const path = join(folder, 'a.bin')
    writeFileSync(path, 'old')
    function* failing() {
      yield Uint8Array.of(1)
      throw new Error('no space left')
    }
    await expect(writeAtomically(path, failing())).rejects.toMatchObject({
      code: 'ERR_QUERN_ARGUMENT',
      message: `writeAtomically: expected to write ${path}, got no space left; nothing was changed`,
    })
    expect(readFileSync(path, 'utf8')).toBe('old')
    expect(readdirSync(folder)).toEqual(['a.bin'])
  })

  it('refuses a path that is a folder, or below a file', async () => {
    mkdirSync(join(folder, 'sub'))
    writeFileSync(join(folder, 'file'), '')
    await expect(writeAtomically(join(folder, 'sub'), 'x')).rejects.toThrow('nothing was changed')
    await expect(writeAtomically(join(folder, 'file', 'x'), 'x')).rejects.toThrow('nothing was changed')
    expect(readdirSync(folder).sort()).toEqual(['file', 'sub'])
  })

  it('writes through a link', async () => {
    writeFileSync(join(folder, 'target'), 'old')
    symlinkSync('target', join(folder, 'link'))
    await writeAtomically(join(folder, 'link'), 'new')
    expect(lstatSync(join(folder, 'link')).isSymbolicLink()).toBe(true)
    expect(readFileSync(join(folder, 'target'), 'utf8')).toBe('new')
  })

  it('leaves one whole file when many write at once', async () => {
    const path = join(folder, 'race')
    const contents = Array.from({ length: 8 }, (_, i) => String(i).repeat(10_000))
    await Promise.all(contents.map((content) => writeAtomically(path, content)))
    expect(contents).toContain(readFileSync(path, 'utf8'))
    expect(readdirSync(folder)).toEqual(['race'])
  })
})
