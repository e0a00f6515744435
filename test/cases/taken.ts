// Counts the commands that are taken back, so that tests can tell that they have compared what they mean to. Imports nothing that
// imports what is counted.
import type { Tensor } from 'quern'
import { expect } from 'vitest'

type Fuse = typeof import('../../src/engine/fuse.js')

const taken = { sums: 0, norms: 0, normalSums: 0, convolutions: 0, gradients: 0 }

/** The module, counted: for vi.mock. */
export function counted(fuse: Fuse): Fuse {
  const count =
    <A extends unknown[], R>(what: keyof typeof taken, fn: (...args: A) => R | null) =>
    (...args: A): R | null => {
      const result = fn(...args)
      if (result !== null) taken[what]++
      return result
    }
  return {
    ...fuse,
    takeSum: count('sums', fuse.takeSum),
    takeBatchNorm: count('norms', fuse.takeBatchNorm),
    takeNormalSum: count('normalSums', fuse.takeNormalSum),
    takeConv2d: count('convolutions', fuse.takeConv2d),
    takeDataGradient: count('gradients', fuse.takeDataGradient),
  }
}

/** What fn gives, which must take back so many commands of a kind. */
export async function joined<R>(what: keyof typeof taken, times: number, fn: () => R | Promise<R>): Promise<R> {
  const before = taken[what]
  const result = await fn()
  expect(taken[what] - before).toBe(times)
  return result
}

const bytes = async (t: Tensor) => Buffer.from(((await t.data()) as Float32Array | Float64Array).slice().buffer)

/** Expects both to hold the same bits. */
export const same = async (a: Tensor, b: Tensor) => expect((await bytes(a)).equals(await bytes(b))).toBe(true)
