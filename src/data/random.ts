// Numbers for the order of samples: the same on every machine, apart from the engine's generator, and cheap to set to any
// epoch. xoshiro128** of Blackman and Vigna (2018), its state filled by splitmix32.

/** A generator of numbers that depend on the key (integers) alone. */
export class KeyedRandom {
  private a: number
  private b: number
  private c: number
  private d: number

  constructor(...key: readonly number[]) {
    let state = 0
    for (const part of key) {
      // Both halves of integers up to 2⁵³.
      for (const word of [part >>> 0, Math.floor(part / 2 ** 32) >>> 0]) state = mix(state ^ word) + 0x9e3779b9
    }
    const next = () => {
      state = (state + 0x9e3779b9) | 0
      return mix(state)
    }
    this.a = next()
    this.b = next()
    this.c = next()
    this.d = next() | 1 // the state must not be all zeros
  }

  /** 32 random bits as an unsigned integer. */
  uint32(): number {
    const result = Math.imul(rotateLeft(Math.imul(this.b, 5), 7), 9) >>> 0
    const t = this.b << 9
    this.c ^= this.a
    this.d ^= this.b
    this.b ^= this.c
    this.a ^= this.d
    this.c ^= t
    this.d = rotateLeft(this.d, 11)
    return result
  }

  /** A whole number from 0 to n − 1, each with the same probability; n up to 2³². */
  below(n: number): number {
    const limit = 2 ** 32 - (2 ** 32 % n)
    for (;;) {
      const value = this.uint32()
      if (value < limit) return value % n
    }
  }

  /** In [0, 1), in steps of 2⁻³². */
  float(): number {
    return this.uint32() / 2 ** 32
  }

  /** The numbers from 0 to n − 1 in random order (Fisher–Yates). */
  permutation(n: number): Uint32Array {
    const order = Uint32Array.from({ length: n }, (_, i) => i)
    for (let i = n - 1; i > 0; i--) {
      const j = this.below(i + 1)
      const value = order[i] as number
      order[i] = order[j] as number
      order[j] = value
    }
    return order
  }
}

const rotateLeft = (x: number, k: number): number => (x << k) | (x >>> (32 - k))

// The finalizer of splitmix32.
function mix(x: number): number {
  x = Math.imul(x ^ (x >>> 16), 0x21f0aaad)
  x = Math.imul(x ^ (x >>> 15), 0x735a2d97)
  return x ^ (x >>> 15)
}
