import { synchronize } from '../engine/runtime.js'
import { ArgumentError, StateError } from '../errors.js'
import { checkInteger } from '../ops/check.js'
import { draw } from '../ops/random.js'
import { Tensor } from '../tensor.js'
import { type Collated, collate } from './collate.js'
import type { Dataset } from './dataset.js'
import { KeyedRandom } from './random.js'

/** Changes a batch; random() in [0, 1) depends on the loader's seed, the epoch and the batch alone. */
export type Transform<B> = (batch: B, random: () => number) => B | Promise<B>

export interface DataLoaderOptions<B> {
  /** Samples per batch; 1 by default. */
  batchSize?: number
  /** Another order in every epoch. */
  shuffle?: boolean
  /** Of the order and of transform, an integer from 0; by default drawn from the generator that manualSeed seeds. */
  seed?: number
  /** Leaves out the last batch if it is smaller. */
  dropLast?: boolean
  /** Applied to every batch after it is collated. */
  transform?: Transform<B>
  /** Batches that are loaded ahead; 1 by default. */
  prefetch?: number
}

/** Where a loader is: after `position` batches of an epoch (from 0), in the order that seed and epoch determine. */
export interface DataLoaderState {
  seed: number
  epoch: number
  position: number
}

// Batches whose computation may be outstanding: enough to keep the engine busy, and memory is bounded in a loop that
// awaits nothing else. Waiting also gives the garbage collector's finalizers their turn.
const ahead = 4

// What a key is for, so that the order and transforms draw different numbers.
const forOrder = 0
const forTransform = 1

/**
 * Batches of a dataset, as tensors made for one use: `for await (const [x, y] of loader)`, once per epoch, as often as you
 * like. Throws ArgumentError for options out of range.
 */
export class DataLoader<S = unknown, B = Collated<S>> implements AsyncIterable<B> {
  readonly batchSize: number
  private readonly shuffle: boolean
  private readonly dropLast: boolean
  private readonly prefetch: number
  private readonly transform: Transform<B> | undefined
  private state: DataLoaderState
  private resuming = false

  constructor(
    readonly dataset: Dataset<S, B>,
    options: DataLoaderOptions<B> = {},
  ) {
    const operation = 'DataLoader'
    checkInteger(operation, 'dataset.length', dataset?.length, 0)
    this.batchSize = checkPositive(options.batchSize ?? 1)
    this.shuffle = checkBoolean('shuffle', options.shuffle)
    this.dropLast = checkBoolean('dropLast', options.dropLast)
    this.prefetch = checkInteger(operation, 'prefetch', options.prefetch ?? 1, 0)
    const seed = checkInteger(operation, 'seed', options.seed ?? drawSeed(), 0, Number.MAX_SAFE_INTEGER)
    if (options.transform !== undefined && typeof options.transform !== 'function') {
      throw new ArgumentError(`${operation}: expected transform to be a function, got ${typeof options.transform}`)
    }
    this.transform = options.transform
    this.state = { seed, epoch: 0, position: 0 }
  }

  /** Batches per epoch. */
  get length(): number {
    const batches = this.dataset.length / this.batchSize
    return this.dropLast ? Math.floor(batches) : Math.ceil(batches)
  }

  /** The epoch under way, or the next one, from 0. */
  get epoch(): number {
    return this.state.epoch
  }

  /** What loadStateDict takes to go on from here. */
  stateDict(): DataLoaderState {
    return { ...this.state }
  }

  /** The next iteration goes on where the state was taken, in the middle of an epoch too. Throws StateError if it cannot. */
  loadStateDict(state: DataLoaderState): void {
    const whole = (n: unknown) => Number.isSafeInteger(n) && (n as number) >= 0
    const { seed, epoch, position } = state ?? {}
    if (!whole(seed) || !whole(epoch) || !whole(position) || position > this.length) {
      throw new StateError(
        `DataLoader.loadStateDict: expected { seed, epoch, position } with position at most ${this.length}, got ${JSON.stringify(state)}`,
      )
    }
    this.state = { seed, epoch, position }
    this.resuming = true
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<B, void, undefined> {
    const state = this.begin()
    const order = this.order(state)
    const queue: Promise<B>[] = []
    const fences: Promise<void>[] = []
    let next = state.position
    try {
      while (state.position < this.length) {
        while (next < this.length && queue.length <= this.prefetch) queue.push(quiet(this.load(order, state, next++)))
        const batch = await (queue.shift() as Promise<B>)
        state.position++
        yield batch
        fences.push(quiet(synchronize()))
        if (fences.length >= ahead) await fences.shift()
      }
      // A fence that nobody awaits would keep a failure to itself.
      await Promise.all(fences)
      Object.assign(state, { epoch: state.epoch + 1, position: 0 })
    } finally {
      for (const unused of queue) unused.then(dispose, () => {})
    }
  }

  // Each iteration has a state of its own, and the loader that of the latest.
  private begin(): DataLoaderState {
    const { seed, epoch, position } = this.state
    // After a break the rest of that epoch is skipped.
    this.state = this.resuming || position === 0 ? this.state : { seed, epoch: epoch + 1, position: 0 }
    this.resuming = false
    this.state = { ...this.state }
    return this.state
  }

  private order({ seed, epoch }: DataLoaderState): Uint32Array {
    const n = this.dataset.length
    if (this.shuffle) return new KeyedRandom(seed, forOrder, epoch).permutation(n)
    return Uint32Array.from({ length: n }, (_, i) => i)
  }

  private async load(order: Uint32Array, { seed, epoch }: DataLoaderState, index: number): Promise<B> {
    const { dataset, transform, batchSize } = this
    const indices = order.slice(index * batchSize, (index + 1) * batchSize)
    const batch = dataset.getBatch
      ? await dataset.getBatch(indices)
      : (collate(await Promise.all(Array.from(indices, (i) => dataset.get(i)))) as B)
    if (!transform) return batch
    const random = new KeyedRandom(seed, forTransform, epoch, index)
    return transform(batch, () => random.float())
  }
}

// Its failure is reported where it is awaited, which may be later than Node calls it unhandled.
function quiet<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => {})
  return promise
}

function dispose(batch: unknown): void {
  for (const field of Array.isArray(batch) ? batch : [batch]) if (field instanceof Tensor) field.dispose()
}

function drawSeed(): number {
  const { seedLo, seedHi, counterLo, counterHi } = draw(1)
  return new KeyedRandom(seedLo, seedHi, counterLo, counterHi).uint32()
}

function checkPositive(value: number): number {
  if (Number.isSafeInteger(value) && value > 0) return value
  throw new ArgumentError(`DataLoader: expected batchSize to be a positive integer, got ${String(value)}`)
}

function checkBoolean(name: string, value: boolean | undefined): boolean {
  if (value === undefined || typeof value === 'boolean') return value ?? false
  throw new ArgumentError(`DataLoader: expected ${name} to be a boolean, got ${String(value)}`)
}
