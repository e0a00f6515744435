// Some random calls on each backend and instruction set; test/fuzz has the many.
import { expect, test } from 'vitest'
import { fuzz } from '../fuzz/fuzz.js'

test('random calls return or throw a QuernError, and leave nothing behind', { timeout: 120_000 }, async () => {
  const report = await fuzz(2000, 2)
  expect(report.faults).toEqual([])
  expect(report.returned).toBeGreaterThan(1000)
  expect(report.refused).toBeGreaterThan(400)
  expect(report.live[1]).toBeLessThanOrEqual(report.live[0])
})
