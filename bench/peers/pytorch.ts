// PyTorch in a process of its own, asked for one chunk of training at a time (pytorch.py --interactive).
import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

interface Chunk {
  layout: string
  imagesPerSecond: number
}

/** Starts it; null where Python or PyTorch is missing. */
export async function openPyTorch(threads: number, batch: number) {
  const script = fileURLToPath(new URL('pytorch.py', import.meta.url))
  // Debian's PyTorch belongs to the system's Python.
  for (const python of ['/usr/bin/python3', 'python3']) {
    const args = [script, '--interactive', '--threads', String(threads), '--batch', String(batch)]
    const child = spawn(python, args, { stdio: ['pipe', 'pipe', 'ignore'] })
    child.on('error', () => {})
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
    const first = await lines.next()
    if (first.done) continue
    const { version, blas } = JSON.parse(first.value)
    return {
      name: `PyTorch ${version} (${blas})`,
      async chunk(): Promise<Chunk> {
        child.stdin.write('\n')
        return JSON.parse((await lines.next()).value as string)
      },
      async close() {
        child.stdin.end()
        await new Promise((resolve) => child.once('close', resolve))
      },
    }
  }
  return null
}
