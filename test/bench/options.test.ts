import { execFile } from 'node:child_process'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { describe, expect, it } from 'vitest'
import { readOptions, select, tableNames } from '../../bench/options.js'

const tsx = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href
const bench = join(import.meta.dirname, '../../bench/index.ts')

function run(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, ['--import', tsx, bench, ...args], (error, stdout, stderr) => {
      resolve({ code: error ? (error.code as unknown as number) : 0, stdout, stderr })
    })
  })
}

describe('options of the bench', () => {
  it('has defaults', () => {
    expect(readOptions([])).toEqual({ quick: false, only: [], json: false })
  })

  it('takes every option', () => {
    const args = '--quick --only machine kernels --threads 1 --isa avx2 --json'.split(' ')
    const expected = { quick: true, only: ['machine', 'kernels'], threads: 1, isa: 'avx2', json: true }
    expect(readOptions(args)).toEqual(expected)
  })

  it.each([
    [['--isa', 'mmx'], "argument 'mmx' is invalid. Allowed choices are avx512, avx2, baseline, neon, reference."],
    [['--threads', '0'], "argument '0' is invalid. Expected an integer from 1 to 1024."],
    [['--slow'], "unknown option '--slow'"],
    [
      ['--only', 'conv', 'nonsense'],
      'expected machine, kernels, training, peers, overhead, scaling, memory, longevity or',
    ],
  ])('%j says what is possible and exits with code 2', async (args, message) => {
    const { code, stdout, stderr } = await run(...args)
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
    expect(stderr).toContain(message)
  })

  it('explains itself', async () => {
    const { code, stdout } = await run('--help')
    expect(code).toBe(0)
    for (const name of ['quick', 'only', 'threads', 'isa', 'json', ...tableNames]) expect(stdout).toContain(name)
  })
})

describe('--only', () => {
  it('shows every table without a word', () => {
    expect(select([])?.tables).toEqual(tableNames)
  })

  it('takes the names of tables, in their order', () => {
    const selection = select(['training', 'machine'])
    expect(selection?.tables).toEqual(['machine', 'training'])
    expect(selection?.wanted('training', 'whatever')).toBe(true)
  })

  it("takes parts of rows' names", () => {
    expect(select(['VGG', 'Depthwise'])?.tables).toEqual(['kernels', 'training'])
    const selection = select(['vgg'])
    expect(selection?.tables).toEqual(['training'])
    expect(selection?.wanted('training', 'VGG-16 at 224, batch 4')).toBe(true)
    expect(selection?.wanted('training', 'ResNet-20, batch 128')).toBe(false)
  })

  it('is null for what nothing is called', () => {
    expect(select(['machine', 'nonsense'])).toBeNull()
  })
})
