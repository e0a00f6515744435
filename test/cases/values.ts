// Numbers for tests: the same on every run, and a way to compare.
import { expect } from 'vitest'

/** Numbers in [low, high], all representable in float32, from a linear congruential generator. */
export function numbers(count: number, seed: number, low = -2, high = 2): Float64Array {
  let state = (seed * 2654435761 + 12345) >>> 0
  return Float64Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return Math.fround(low + ((high - low) * state) / 2 ** 32)
  })
}

/** Largest difference relative to the largest magnitude expected (at least `least`); NaN must meet NaN, Inf Inf. */
export function relativeError(actual: ArrayLike<number>, expected: ArrayLike<number>, least = 1e-3): number {
  let scale = least
  for (let i = 0; i < expected.length; i++) {
    const e = Math.abs(expected[i] as number)
    if (Number.isFinite(e)) scale = Math.max(scale, e)
  }
  let worst = 0
  for (let i = 0; i < expected.length; i++) {
    const [a, e] = [actual[i] as number, expected[i] as number]
    if (Object.is(a, e) || a === e) continue
    worst = Math.max(worst, Number.isFinite(a) && Number.isFinite(e) ? Math.abs(a - e) / scale : Infinity)
  }
  return worst
}

export function expectClose(
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
  tolerance: number,
  least?: number,
): void {
  expect(actual.length).toBe(expected.length)
  expect(relativeError(actual, expected, least)).toBeLessThanOrEqual(tolerance)
}
