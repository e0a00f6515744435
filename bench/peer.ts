// A contestant's process: asked one line of JSON at a time, answers each with one line.
import { type ChildProcess, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'

/** What a peer's first line says of it. */
export interface About {
  ready: true
  version?: string
  /** What tells one build or setting from another: the BLAS, the instruction set. */
  detail?: string
  isa?: string
  isas?: string[]
  backend?: string
  threads?: number
}

export type Answer = Record<string, unknown>

const running = new Set<ChildProcess>()

/** Ends every process that is still running, each by its own id. */
export function endPeers(): void {
  for (const child of running) child.kill('SIGKILL')
}

export class Peer {
  private stderr = ''

  private constructor(
    private readonly child: ChildProcess,
    private readonly lines: AsyncIterator<string>,
  ) {
    running.add(child)
    child.once('close', () => running.delete(child))
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.stderr = (this.stderr + text).slice(-2000)
    })
    child.stdin?.on('error', () => {})
  }

  /** Starts the program; throws Error with what it said if it does not become ready. */
  static async start(command: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<{ peer: Peer; about: About }> {
    const [program = '', ...args] = command
    const child = spawn(program, args, { env: { ...process.env, ...env }, stdio: 'pipe' })
    child.on('error', () => {})
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
    const peer = new Peer(child, lines)
    const about = (await peer.answer()) as unknown as About
    return { peer, about }
  }

  /** Sends a message, or a line as it is, and waits for the answer; throws Error if it names one or the process ended. */
  ask(message: object | string): Promise<Answer> {
    this.child.stdin?.write(`${typeof message === 'string' ? message : JSON.stringify(message)}\n`)
    return this.answer()
  }

  /** Lets the process end and waits until it has. */
  async close(): Promise<void> {
    if (!running.has(this.child)) return
    const ended = new Promise((resolve) => this.child.once('close', resolve))
    this.child.stdin?.end()
    const impatient = setTimeout(() => this.child.kill('SIGKILL'), 2000)
    await ended
    clearTimeout(impatient)
  }

  private async answer(): Promise<Answer> {
    for (;;) {
      const { done, value } = await this.lines.next()
      if (done) throw new Error(this.stderr.trim().split('\n').at(-1) || 'ended without a word')
      // Libraries greet on stdout too.
      if (!value.startsWith('{')) continue
      const answer = JSON.parse(value) as Answer
      if (typeof answer.error === 'string') throw new Error(answer.error)
      return answer
    }
  }
}
