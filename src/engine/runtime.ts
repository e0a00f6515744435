import { type Backend, type BackendOptions, type EngineFailure, failureKind } from '../backend/backend.js'
import { openBackend } from '../backend/select.js'
import { ArgumentError, BackendError, MemoryError, QuernError, StateError } from '../errors.js'
import * as opcodes from './opcodes.js'
import { CommandWriter } from './writer.js'

export interface InitOptions {
  backend?: 'auto' | 'native' | 'wasm'
  threads?: number
  wasmUrl?: string
}

export interface RuntimeInfo {
  backend: 'native' | 'wasm'
  isa: string
  threads: number
  version: string
  /** Bytes: in tensors now, at most so far, taken from the system. */
  memory: { live: number; peak: number; reserved: number }
}

export const version = '0.1.0'

// The first batch of a turn goes to the engine when it is this long, so that it computes while JavaScript still encodes;
// each that follows may be twice as long as the one before, up to the most: handing over costs more than a short command.
const firstWords = 1024
const mostWords = 8192
// Only allocations of this size can plausibly fail, so only they pay for remembering their call site.
const siteBytes = 1 << 24
// Changes of what JS keeps alive are told to the garbage collector in steps of this many bytes.
const memoryStep = 1 << 20

/** Who asked for a buffer, and where. */
interface CallSite {
  site: Error | undefined
  readonly bytes: number
}

/** One engine and the stream of commands that leads to it. */
export class Runtime {
  readonly writer = new CommandWriter()
  private readonly freeIds: number[] = []
  private nextId = 1
  private readonly sites = new Map<number, WeakRef<CallSite>>()
  private untold = 0
  private scheduled = false
  private batchWords = firstWords
  closed = false

  constructor(readonly backend: Backend) {}

  /** The writer to encode the next command with; it will be flushed at the end of this turn at the latest. */
  encode(): CommandWriter {
    if (this.writer.count >= this.batchWords) {
      this.flush()
      this.batchWords = Math.min(2 * this.batchWords, mostWords)
    }
    if (!this.scheduled) {
      this.scheduled = true
      queueMicrotask(() => {
        this.scheduled = false
        this.batchWords = firstWords
        this.flush()
      })
    }
    return this.writer
  }

  flush(): void {
    const { writer } = this
    if (writer.count === 0 || this.closed) return
    const count = writer.count
    writer.clear()
    this.backend.submit(writer.words, count)
  }

  /** A new buffer for this owner, who remembers the call site if need be; an error's frames would keep the owner alive. */
  alloc(bytes: number, owner: CallSite): number {
    const id = this.freeIds.pop() ?? this.nextId++
    if (bytes >= siteBytes) {
      owner.site = new Error('allocated here')
      this.sites.set(id, new WeakRef(owner))
    }
    opcodes.alloc(this.encode(), { buffer: id, bytesLo: bytes, bytesHi: Math.floor(bytes / 2 ** 32) })
    return id
  }

  free(id: number): void {
    if (this.closed) return
    this.sites.delete(id)
    this.writer.freed(id)
    opcodes.free(this.encode(), { buffer: id })
    this.freeIds.push(id)
  }

  write(id: number, data: ArrayBufferView): void {
    if (data.byteLength === 0) return
    this.flush()
    this.backend.write(id, 0, data)
  }

  async read(id: number, byteOffset: number, bytes: number): Promise<ArrayBuffer> {
    this.flush()
    try {
      return await this.backend.read(id, byteOffset, bytes)
    } catch (error) {
      // What failed in the engine came first, so it is what the caller should hear of.
      if (error instanceof RangeError) await this.fence()
      throw this.explain(error, bytes)
    }
  }

  readSync(id: number, byteOffset: number, bytes: number): ArrayBuffer {
    this.flush()
    try {
      return this.backend.readSync(id, byteOffset, bytes)
    } catch (error) {
      if (error instanceof RangeError) this.backend.fenceSync()
      throw this.explain(error, bytes)
    }
  }

  async fence(): Promise<void> {
    this.flush()
    try {
      await this.backend.fence()
    } catch (error) {
      throw this.explain(error)
    }
  }

  /** JS objects that only the garbage collector can free now keep this many bytes more alive. */
  keepAlive(bytes: number): void {
    this.untold += bytes
    if (Math.abs(this.untold) < memoryStep || this.closed) return
    this.backend.adjustMemory(this.untold)
    this.untold = 0
  }

  close(): void {
    if (this.closed) return
    this.flush()
    this.closed = true
    this.backend.close()
  }

  private explain(error: unknown, bytes = 0): unknown {
    if (error instanceof RangeError) {
      return new MemoryError(`read: expected ${formatBytes(bytes)} for a JavaScript array, the system has no more`, {
        cause: error,
      })
    }
    if (error instanceof QuernError || !(error instanceof Error) || !('kind' in error)) return error
    const failure = error as Error & EngineFailure
    const operation = opcodes.opcodeNames[failure.opcode] ?? 'read'
    const owner = this.sites.get(failure.buffer)?.deref()
    const cause = owner?.site
    const site = cause?.stack
      ?.split('\n')
      .slice(1)
      .find((line) => !/[\\/](src|dist|cjs)[\\/](engine[\\/]|ops[\\/]|tensor\.[tj]s)/.test(line))
    const where = site ? `; the tensor was made ${site.trim()}` : ''
    if (failure.kind === failureKind.outOfMemory) {
      return new MemoryError(
        `${operation}: expected ${formatBytes(owner?.bytes ?? failure.bytes)} of memory, the system has no more; use smaller tensors or a smaller batch${where}`,
        { cause },
      )
    }
    if (failure.kind === failureKind.poisoned) {
      return new StateError(
        `${operation}: the tensor holds no value, because an earlier operation it depends on failed${where}`,
        { cause },
      )
    }
    return new BackendError(`${operation}: the engine refused a command; this is a fault in Quern, please report it`)
  }
}

export function formatBytes(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB', 'EiB']
  let power = 0
  while (power < units.length - 1 && bytes >= 1024) {
    bytes /= 1024
    power++
  }
  return `${power === 0 ? bytes : bytes.toFixed(1)} ${units[power]}`
}

let current: Runtime | null = null

/** The runtime in use; the first call opens the default one. */
export function use(): Runtime {
  current ??= new Runtime(openBackend('auto', backendOptions({})))
  return current
}

function backendOptions(options: InitOptions): BackendOptions {
  const env = typeof process === 'undefined' ? {} : process.env
  const threads = options.threads ?? (env.QUERN_THREADS ? Number(env.QUERN_THREADS) : 0)
  if (options.threads !== undefined || env.QUERN_THREADS) checkThreads('init', threads)
  return { isa: env.QUERN_ISA ?? '', threads, wasmUrl: options.wasmUrl }
}

function checkThreads(operation: string, threads: number): void {
  if (Number.isInteger(threads) && threads >= 1 && threads <= 1024) return
  throw new ArgumentError(`${operation}: expected threads to be an integer from 1 to 1024, got ${threads}`)
}

/**
 * Opens the engine; optional in Node, where the first use does it, needed once in a browser. Called again it replaces
 * the engine, and tensors of the old one can no longer be used. Throws BackendError if the backend cannot be loaded.
 */
export async function init(options: InitOptions = {}): Promise<RuntimeInfo> {
  const next = new Runtime(openBackend(options.backend ?? 'auto', backendOptions(options)))
  current?.close()
  current = next
  await next.fence()
  return runtime()
}

/** What runs the computations, and the memory it holds. */
export function runtime(): RuntimeInfo {
  const { backend } = use()
  const { isa, threads, live, peak, reserved } = backend.info()
  return { backend: backend.kind, isa, threads, version, memory: { live, peak, reserved } }
}

/** Sets how many threads the kernels use from the next operation on. */
export function setThreads(threads: number): void {
  checkThreads('setThreads', threads)
  opcodes.setThreads(use().encode(), { threads })
}

/** Resolves once everything encoded so far has been computed; rejects with the earliest failure. */
export function synchronize(): Promise<void> {
  return use().fence()
}
