// Many random calls on the backend that programs get; `npm run fuzz -- --calls N --seed S` repeats one.
import { expect, test } from 'vitest'
import { fuzz } from './fuzz.js'

test('20,000 random calls return or throw a QuernError, and leave nothing behind', { timeout: 240_000 }, async () => {
  const report = await fuzz(20_000, 1)
  expect(report.faults).toEqual([])
  expect(report.returned).toBeGreaterThan(10_000)
  expect(report.refused).toBeGreaterThan(4_000)
  expect(report.backward).toBeGreaterThan(1_000)
  expect(report.live[1]).toBeLessThanOrEqual(report.live[0])
  // The arena keeps what it took, and takes no more once it has seen most sizes.
  expect(report.reserved[1]).toBeLessThan(1.5 * report.reserved[0] + 2 ** 23)
})
