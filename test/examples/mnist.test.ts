// The example as a user runs it.
import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { packageRoot } from '../backend/program.js'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'quern-mnist-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

function run(args: string[], onOutput: (text: string, kill: (signal: NodeJS.Signals) => void) => void = () => {}) {
  const child = spawn(process.execPath, ['--import', 'tsx', 'examples/mnist.ts', ...args], { cwd: packageRoot })
  let output = ''
  const more = (text: Buffer) => {
    output += text
    onOutput(output, (signal) => child.kill(signal))
  }
  child.stdout.on('data', more)
  child.stderr.on('data', more)
  return new Promise<{ code: number | null; output: string }>((done) => {
    child.on('close', (code) => done({ code, output }))
  })
}

test('an epoch of large batches leaves weights, history and curves', { timeout: 120_000 }, async () => {
  const out = join(folder, 'deep', 'er')
  const { code, output } = await run(['--batch-size', '500', '--lr', '0.003', '--seed', '3', '--out', out])
  expect(code, output).toBe(0)
  expect(readdirSync(out).sort()).toEqual(['curves.svg', 'history.csv', 'model.safetensors'])
  const rows = readFileSync(join(out, 'history.csv'), 'utf8').trim().split('\n')
  expect(rows[0]).toBe('epoch,step,loss,accuracy,val_loss,val_accuracy')
  expect(rows.length).toBe(121)
  expect(Number(/test accuracy ([\d.]+) %/.exec(output)?.[1])).toBeGreaterThan(96)
  // Plain lines where the output is no terminal.
  expect(output).toMatch(
    /^epoch 1\/1 {2}\d+\/120 {2}loss [\d.]+ {2}accuracy [\d.]+ {2}[\d,]+ images\/s {2}[\d.]+ s left$/m,
  )
  expect(output).not.toContain('\r')
})

test('Ctrl-C in the middle of an epoch stops it and leaves no file', { timeout: 60_000 }, async () => {
  const out = join(folder, 'stopped')
  let sent = false
  const { code, output } = await run(['--out', out], (text, kill) => {
    if (sent || !text.includes('left\n')) return
    sent = true
    kill('SIGINT')
  })
  expect([code, existsSync(out)]).toEqual([130, false])
  expect(output).toMatch(/stopped; nothing was saved\n$/)
  expect(output).not.toContain('938 steps in')
})

test('a folder without the data is one line and exit code 2', async () => {
  const { code, output } = await run(['--data', folder])
  expect(code).toBe(2)
  expect(output.trim().split('\n').at(-1)).toMatch(/^datasets\.mnist: expected train-images-idx3-ubyte/)
})
