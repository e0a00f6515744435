// The whole bench, from the command line to its files, on as little work as there is.
import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Result } from '../../bench/table.js'

const tsx = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href
const bench = join(import.meta.dirname, '../../bench/index.ts')

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'quern-'))
})
afterAll(() => rmSync(folder, { recursive: true }))

/** What the bench prints on stdout; throws if it fails. */
function run(...args: string[]): Promise<string> {
  const env = { ...process.env, QUERN_BENCH_RESULTS: folder }
  return new Promise((resolve, reject) => {
    execFile(process.execPath, ['--import', tsx, bench, '--quick', ...args], { env }, (error, stdout) => {
      if (error) reject(error)
      else resolve(stdout)
    })
  })
}

const resultOf = (name: string): Result => JSON.parse(readFileSync(join(folder, `${name}.json`), 'utf8'))

test('a table of the machine, for people and in a file', async () => {
  const text = await run('--only', 'machine', '--threads', '1')
  expect(text).toMatch(/Machine +1 thread\n/)
  expect(text).toMatch(/ triad +\d/)
  const { name, threads, versions, rows } = resultOf('machine')
  expect({ name, threads }).toEqual({ name: 'machine', threads: 1 })
  expect(versions.Node).toBe(process.version)
  expect(rows.at(-1)).toMatchObject({ name: 'triad', unit: 'GB/s' })
  for (const { cells } of rows) expect(cells['1 thread']?.value).toBeGreaterThan(0)
}, 300_000)

test('a kernel beside the limit, as JSON alone on stdout and as a picture', async () => {
  const results = JSON.parse(await run('--only', 'sgemm 4096×64×27', '--json', '--isa', 'baseline')) as Result[]
  const kernels = results.find(({ name }) => name === 'kernels')
  expect(kernels?.isa).toBe('baseline')
  expect(kernels?.rows).toHaveLength(1)
  const row = kernels?.rows[0]
  expect(row).toMatchObject({ name: 'sgemm 4096×64×27', unit: 'GFLOP/s', goals: { times: { PyTorch: 1 } } })
  expect(row?.limit).toBeGreaterThan(0)
  expect(row?.cells.Quern?.samples?.length).toBeGreaterThan(0)
  const svg = readFileSync(join(folder, 'kernels.svg'), 'utf8')
  expect(svg).toMatch(/^<svg /)
  expect(svg).toContain('sgemm 4096×64×27')
}, 300_000)
