/** What the engine failed at first, as native/abi.h tells it. */
export interface EngineFailure {
  kind: number
  opcode: number
  buffer: number
  bytes: number
}

export const failureKind = { ok: 0, outOfMemory: 1, badCommand: 2, poisoned: 3 } as const

export interface BackendInfo {
  live: number
  peak: number
  reserved: number
  threads: number
  isa: string
  available: string
}

/**
 * An engine in another thread. Everything sent is run in the order it was sent; nothing waits but the calls named Sync.
 * Reads and fences reject (or throw) with an Error that carries an EngineFailure.
 */
export interface Backend {
  readonly kind: 'native' | 'wasm'
  /** Runs the first count words; they are copied. */
  submit(words: Uint32Array, count: number): void
  /** Copies data into a buffer. */
  write(buffer: number, byteOffset: number, data: ArrayBufferView): void
  read(buffer: number, byteOffset: number, bytes: number): Promise<ArrayBuffer>
  readSync(buffer: number, byteOffset: number, bytes: number): ArrayBuffer
  /** Settles once all that was sent before has run, on a later turn of the event loop. */
  fence(): Promise<void>
  fenceSync(): void
  /** Tells the garbage collector that JS objects keep this many more (or fewer) bytes alive. */
  adjustMemory(bytes: number): void
  info(): BackendInfo
  close(): void
}

export interface BackendOptions {
  /** '' picks the best. */
  isa: string
  /** 0: one per usable core. */
  threads: number
  wasmUrl?: string | undefined
}
