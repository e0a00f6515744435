import type { Runtime } from './runtime.js'

// More than any system has.
const impossibleBytes = 2 ** 62

interface Token {
  runtime: Runtime
  id: number
  bytes: number
}

const lost = new FinalizationRegistry<Token>(({ runtime, id, bytes }) => {
  runtime.free(id)
  runtime.keepAlive(-bytes)
})

// Only a turn of the event loop runs what the registry calls back, so those that are released before it need not be
// registered: most of a training step's are. Until then they are kept here.
const fresh = new Set<Storage>()
const nextTurn = queueMicrotask
let awaited = false

function watchFresh(): void {
  awaited = false
  for (const storage of fresh) storage.register()
  fresh.clear()
}

/**
 * One buffer of the engine. It is freed as soon as every tensor and every saved value that refers to it has been
 * released; if some are merely forgotten, the garbage collector's finding it unreachable frees it.
 */
export class Storage {
  readonly id: number
  /** Counts changes in place, so that backward can tell a saved value from what it was. */
  version = 0
  /** Where it was made, if it is large enough to be worth remembering. */
  site: Error | undefined
  private references = 1
  private watched = false

  constructor(
    readonly runtime: Runtime,
    readonly bytes: number,
    /** Whether commands can name all of its elements; where they cannot, it is out of memory. */
    private readonly possible = true,
  ) {
    this.id = runtime.alloc(possible ? bytes : impossibleBytes, this)
  }

  // What no system has is not there to be freed, and V8 aborts on numbers like those.
  private get keptAlive(): number {
    return this.possible ? this.bytes : 0
  }

  get shared(): boolean {
    return this.references > 1
  }

  retain(): this {
    this.references++
    return this
  }

  release(): void {
    if (--this.references > 0) return
    this.runtime.free(this.id)
    if (!this.watched || fresh.delete(this)) return
    lost.unregister(this)
    this.runtime.keepAlive(-this.keptAlive)
  }

  /** From now on only the garbage collector may know that nobody needs this any more. */
  watch(): void {
    if (this.watched || this.references === 0) return
    this.watched = true
    if (!awaited) nextTurn(watchFresh)
    awaited = true
    fresh.add(this)
  }

  /** @internal Has the garbage collector's finding it unreachable free it. */
  register(): void {
    lost.register(this, { runtime: this.runtime, id: this.id, bytes: this.keptAlive }, this)
    this.runtime.keepAlive(this.keptAlive)
  }
}
