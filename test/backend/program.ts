import { spawn } from 'node:child_process'
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'

export const packageRoot = resolve(import.meta.dirname, '../..')
const index = pathToFileURL(resolve(packageRoot, 'src/index.ts')).href

export interface Ended {
  code: number | null
  signal: NodeJS.Signals | null
  stdout: string
  stderr: string
  milliseconds: number
}

/** Runs an ES module, given as text with quern's exports as `q`, in a Node process of its own. */
export function runProgram(body: string, env: Record<string, string> = {}): Promise<Ended> {
  const source = `import * as q from ${JSON.stringify(index)}\n${body}`
  const child = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '--eval', source], {
    cwd: packageRoot,
    env: { ...process.env, QUERN_BACKEND: '', QUERN_ISA: '', QUERN_THREADS: '', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: 60_000,
  })
  const start = performance.now()
  let stdout = ''
  let stderr = ''
  child.stdout.on('data', (text) => (stdout += text))
  child.stderr.on('data', (text) => (stderr += text))
  return new Promise((done) => {
    child.on('close', (code, signal) => done({ code, signal, stdout, stderr, milliseconds: performance.now() - start }))
  })
}

/** The address of Quern's source, for programs that import it in a worker. */
export const quernUrl = index
