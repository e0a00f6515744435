// What chooses the arguments of a call.

/** Chooses at random, the same for the same seed (mulberry32). */
export class Random {
  private state: number

  constructor(seed: number) {
    this.state = seed >>> 0
  }

  /** In [0, 1). */
  next(): number {
    this.state = (this.state + 0x6d2b79f5) >>> 0
    let t = this.state
    t = Math.imul(t ^ (t >>> 15), t | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }

  /** A whole number from low to high, both included. */
  integer(low: number, high: number): number {
    return low + Math.floor(this.next() * (high - low + 1))
  }

  pick<T>(list: readonly T[]): T {
    return list[this.integer(0, list.length - 1)] as T
  }

  chance(p: number): boolean {
    return this.next() < p
  }

  /** A number of entries: seldom 0, often prime. */
  size(least = 0): number {
    return Math.max(least, this.pick([0, 1, 1, 2, 2, 3, 3, 4, 5, 7, 11, 17]))
  }

  /** Sizes of `rank` dimensions, of 0 to 4 by default; smaller where there are many. */
  shape(rank = this.integer(0, 4), least = 0): number[] {
    return Array.from({ length: rank }, () => (rank > 2 ? Math.max(least, this.size() % 6) : this.size(least)))
  }

  /** A dimension of a tensor of this rank, from the front or the back. */
  dim(rank: number): number {
    return rank === 0 ? 0 : this.integer(-rank, rank - 1)
  }

  /** The options, each given or left out. */
  options<T extends object>(all: T): Partial<T> {
    return Object.fromEntries(Object.entries(all).filter(() => this.chance(0.5))) as Partial<T>
  }
}

/** Chooses plainly: sizes of 3, the first of every list, all options. */
export class Plain extends Random {
  constructor() {
    super(1)
  }

  override pick<T>(list: readonly T[]): T {
    return list[0] as T
  }

  override chance(): boolean {
    return false
  }

  override size(): number {
    return 3
  }

  override shape(rank = 2): number[] {
    return new Array<number>(rank).fill(3)
  }

  override dim(): number {
    return 0
  }

  override options<T extends object>(all: T): Partial<T> {
    return all
  }
}
