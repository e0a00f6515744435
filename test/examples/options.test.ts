import { execFile } from 'node:child_process'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { describe, expect, it } from 'vitest'

const options = pathToFileURL(join(import.meta.dirname, '../../examples/options.ts')).href
const tsx = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href
const script = `import { readOptions } from ${JSON.stringify(options)}; console.log(JSON.stringify(readOptions(process.argv.slice(1))))`

/** What a process with this command line prints, and its exit code. */
function run(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  const command = ['--import', tsx, '--input-type=module', '-e', script, '--', ...args]
  return new Promise((resolve) => {
    execFile(process.execPath, command, (error, stdout, stderr) => {
      resolve({ code: error ? (error.code as unknown as number) : 0, stdout, stderr })
    })
  })
}

describe('options of the example', () => {
  it('has defaults', async () => {
    const { code, stdout } = await run()
    expect(code).toBe(0)
    expect(JSON.parse(stdout)).toEqual({ epochs: 1, batchSize: 64, lr: 0.001, backend: 'auto', out: 'runs/mnist' })
  })

  it('takes every option', async () => {
    const args = '--epochs 3 --batch-size=128 --lr 2e-3 --threads 2 --backend wasm --seed 0 --out a --data b'
    const { stdout } = await run(...args.split(' '))
    expect(JSON.parse(stdout)).toEqual({
      epochs: 3,
      batchSize: 128,
      lr: 0.002,
      threads: 2,
      backend: 'wasm',
      seed: 0,
      out: 'a',
      data: 'b',
    })
  })

  it('explains itself', async () => {
    const { code, stdout, stderr } = await run('--help')
    expect([code, stderr]).toEqual([0, ''])
    for (const name of ['epochs', 'batch-size', 'lr', 'threads', 'backend', 'seed', 'out', 'data', 'help']) {
      expect(stdout).toContain(`--${name}`)
    }
  })

  it.each([
    [['--epochs', '0'], "option '--epochs <n>' argument '0' is invalid. Expected an integer of at least 1."],
    [['--epochs', '1.5'], "option '--epochs <n>' argument '1.5' is invalid. Expected an integer of at least 1."],
    [
      ['--batch-size', 'many'],
      "option '--batch-size <n>' argument 'many' is invalid. Expected an integer of at least 1.",
    ],
    [['--lr', '-1'], "option '--lr <x>' argument '-1' is invalid. Expected a positive number."],
    [['--lr', ''], "option '--lr <x>' argument '' is invalid. Expected a positive number."],
    [['--threads', '4096'], "option '--threads <n>' argument '4096' is invalid. Expected an integer from 1 to 1024."],
    [['--seed', 'x'], "option '--seed <n>' argument 'x' is invalid. Expected an integer of at least 0."],
    [
      ['--backend', 'gpu'],
      "option '--backend <name>' argument 'gpu' is invalid. Allowed choices are auto, native, wasm.",
    ],
    [['--out', ''], "option '--out <dir>' argument '' is invalid. Expected the path of a folder."],
    [['--epochs'], "option '--epochs <n>' argument missing"],
    [['--epoch', '3'], "unknown option '--epoch'"],
    [['mnist'], 'too many arguments. Expected 0 arguments but got 1.'],
  ])('%j is one line on stderr and exit code 2', async (args, message) => {
    const { code, stdout, stderr } = await run(...args)
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
    expect(stderr).toBe(`error: ${message} (--help lists the options)\n`)
  })
})
