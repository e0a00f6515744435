import { readFileSync } from 'node:fs'
import { Worker } from 'node:worker_threads'
import { BackendError } from '../errors.js'
import type { Backend, BackendInfo, BackendOptions, EngineFailure } from './backend.js'

// Places in the status memory: Int32 ones, then Float64 ones. wasm/worker.mjs has the other end.
const progress = 0
const ready = 1
const figures = 16

// Words that may be in flight before submit waits for the engine, where it can wait.
const wordsCap = 1 << 18

const ballastPerByte = 3
const maxBallast = 1 << 26

interface Answer {
  type: 'opened' | 'answer'
  id: number
  state: BackendInfo | null
  data?: ArrayBuffer | null
  failure?: EngineFailure
}

interface Waiting {
  resolve(data: ArrayBuffer): void
  reject(error: Error): void
}

const workerUrl = new URL('../../wasm/worker.mjs', import.meta.url)
const moduleUrl = new URL('../../wasm/dist/quern.wasm', import.meta.url)

/** Opens the WASM engine in a Worker; throws BackendError when the module is missing or lacks the ISA. */
export function openWasm(options: BackendOptions): Backend {
  return new WasmBackend(compile(options.wasmUrl), options.isa)
}

function compile(url: string | undefined): WebAssembly.Module {
  const source = url === undefined ? moduleUrl : new URL(url, `file://${process.cwd()}/`)
  try {
    return new WebAssembly.Module(readFileSync(source))
  } catch (cause) {
    throw new BackendError(
      `init: expected the WASM module at ${source.href}, could not load it (${(cause as Error).message}); ` +
        'reinstall the package, or in a checkout run `npm run compile -- wasm`',
      { cause },
    )
  }
}

class WasmBackend implements Backend {
  readonly kind = 'wasm'
  private readonly worker: Worker
  private readonly status = new SharedArrayBuffer(64)
  private readonly counters = new Int32Array(this.status)
  private readonly memory = new Float64Array(this.status, figures, 3)
  private readonly waiting = new Map<number, Waiting>()
  private nextId = 1
  private sent = 0
  private readonly isa: string
  /** @internal */
  ballast: ArrayBuffer | null = null

  constructor(module: WebAssembly.Module, isa: string) {
    this.worker = new Worker(workerUrl, { name: 'quern', execArgv: [] })
    this.worker.on('message', (answer: Answer) => this.settle(answer))
    this.worker.on('error', (error) => this.fail(error))
    this.worker.unref() // listening refers to it
    this.worker.postMessage({ type: 'open', module, isa, status: this.status })
    Atomics.wait(this.counters, ready, 0)
    if (this.counters[ready] !== 1) {
      void this.worker.terminate()
      throw new BackendError(
        `init: expected QUERN_ISA to be wasm or reference on the WASM backend, got ${JSON.stringify(isa)}`,
      )
    }
    this.isa = isa || 'wasm'
  }

  submit(words: Uint32Array, count: number): void {
    const copy = words.slice(0, count)
    this.worker.postMessage({ type: 'run', words: copy }, [copy.buffer])
    this.sent = (this.sent + count) | 0
    this.hold()
  }

  write(buffer: number, byteOffset: number, data: ArrayBufferView): void {
    const copy = data.buffer.slice(data.byteOffset, data.byteOffset + data.byteLength) as ArrayBuffer
    this.worker.postMessage({ type: 'write', buffer, offset: byteOffset, data: copy }, [copy])
    this.sent = (this.sent + 1) | 0
  }

  read(buffer: number, byteOffset: number, bytes: number): Promise<ArrayBuffer> {
    const id = this.nextId++
    this.worker.postMessage({ type: 'read', id, buffer, offset: byteOffset, bytes })
    this.sent = (this.sent + 1) | 0
    if (this.waiting.size === 0) this.worker.ref()
    return new Promise((resolve, reject) => this.waiting.set(id, { resolve, reject }))
  }

  readSync(buffer: number, byteOffset: number, bytes: number): ArrayBuffer {
    const answer = new SharedArrayBuffer(16 + Math.max(bytes, 32))
    const flag = new Int32Array(answer, 0, 1)
    this.worker.postMessage({ type: 'read', id: 0, buffer, offset: byteOffset, bytes, answer })
    this.sent = (this.sent + 1) | 0
    Atomics.wait(flag, 0, 0)
    if (flag[0] === 1) return new Uint8Array(answer, 16, bytes).slice().buffer
    const [kind, opcode, id, size] = new Float64Array(answer, 16, 4) as unknown as [number, number, number, number]
    throw describe({ kind, opcode, buffer: id, bytes: size })
  }

  async fence(): Promise<void> {
    await this.read(0, 0, 0)
  }

  fenceSync(): void {
    this.readSync(0, 0, 0)
  }

  // JavaScript has no call for this. An array, never touched and soon garbage itself, makes the collector run as the memory
  // that it cannot see would; it is larger than that, because WASM memory never shrinks again.
  adjustMemory(bytes: number): void {
    if (bytes > 0) this.ballast = new ArrayBuffer(Math.min(ballastPerByte * bytes, maxBallast))
  }

  info(): BackendInfo {
    const [live, peak, reserved] = this.memory as unknown as [number, number, number]
    return { live, peak, reserved, threads: 1, isa: this.isa, available: 'wasm reference' }
  }

  close(): void {
    this.fail(new BackendError('the engine was closed before it answered'))
    void this.worker.terminate()
  }

  // Waits while too much is in flight.
  private hold(): void {
    for (;;) {
      const done = Atomics.load(this.counters, progress)
      if (((this.sent - done) | 0) <= wordsCap) return
      Atomics.wait(this.counters, progress, done)
    }
  }

  private settle({ type, id, data, failure }: Answer): void {
    if (type !== 'answer') return
    const waiting = this.waiting.get(id)
    this.waiting.delete(id)
    if (this.waiting.size === 0) this.worker.unref()
    if (failure) waiting?.reject(describe(failure))
    else waiting?.resolve(data as ArrayBuffer)
  }

  private fail(error: Error): void {
    for (const { reject } of this.waiting.values()) reject(error)
    this.waiting.clear()
    this.worker.unref()
  }
}

const describe = (failure: EngineFailure): Error =>
  Object.assign(new Error('the engine could not run a command'), failure)
