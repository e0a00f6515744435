// What gradCheck and its relatives themselves promise; the operations' gradients are in gradcheck-*.test.ts.
import * as q from 'quern'
import { gradCheck, gradGradCheck, numericGradient, tensor } from 'quern'
import { describe, expect, test } from 'vitest'
import type { F } from './gradients.js'

const leaf = (...values: number[]): F => tensor(Float64Array.from(values), { requiresGrad: true })
const wrong = (x: F, y: F) => q.mul(x, y).add(q.mul(x, 0).detach()).mul(y.detach())

test('gradCheck names the output, the input and the element that differ', () => {
  const [x, y] = [leaf(1.5, 0.5), leaf(0.7, 1.2)]
  expect(() => gradCheck(wrong, [x, y])).toThrow(
    /^gradCheck: expected the gradient of output element 0 to inputs\[1\] \(2\) at element 0 to be .* by central differences, got/,
  )
  expect(() => gradCheck(wrong, [x, y], { fastMode: true })).toThrow(
    /^gradCheck: expected the gradient of the weighted outputs to inputs\[1\] \(2\) at element 0 to be/,
  )
  expect(() => gradCheck((x) => q.concat([x, q.square(x.detach())]), [x])).toThrow(/of output element 2 to inputs\[0\]/)
  expect(() => gradCheck((x) => x, [tensor(Float64Array.of(1))])).toThrow(/an input with requiresGrad, got none/)
  expect(() => gradCheck((x) => x, [tensor([1]) as never])).toThrow(/^gradCheck: expected inputs\[0\] to be float64/)
  expect(() => gradCheck((x) => x.to('float32') as never, [x])).toThrow(/^gradCheck: expected the output of fn/)
})

test('gradGradCheck finds what is wrong with a second derivative only', () => {
  // The value and the first derivative of x³ at x, with no second one.
  const flat = (x: F) => {
    const [at, slope] = [x.detach(), x.detach().square().mul(3)]
    return x.sub(at).mul(slope).add(at.mul(at.square()))
  }
  expect(gradCheck(flat, [leaf(2)])).toBe(true)
  for (const fastMode of [false, true]) {
    expect(() => gradGradCheck(flat, [leaf(2)], { fastMode })).toThrow(/^gradGradCheck: expected .* got 0$/)
    expect(gradGradCheck((x) => q.pow(x, 3), [leaf(2, 3)], { fastMode })).toBe(true)
  }
  // Linear in the gradient it is given, but by a factor that is not on the tape.
  expect(() => gradGradCheck((x) => x.mul(x.detach()), [leaf(2)])).toThrow(/to inputs\[0\] \(1\) at element 0/)
})

describe.each([{ fastMode: false }, { fastMode: true }])('%j', (options) => {
  test('passes for what does not depend on an input', () => {
    expect(gradCheck((x) => x.detach().mul(0), [leaf(1, 2)], options)).toBe(true)
    expect(gradCheck((x, _) => x.square(), [leaf(1, 2), leaf(3)], options)).toBe(true)
  })

  test('NaN and infinity fail, in the analytic gradient and in the numeric one', () => {
    const analytic = (x: F) => q.where(q.gt(x, 0), x, q.sqrt(x.mul(-1)))
    expect(gradCheck(analytic, [leaf(-2)], options)).toBe(true)
    expect(() => gradCheck(analytic, [leaf(2)], options)).toThrow(/by central differences, got NaN/)
    expect(() => gradCheck(q.log, [leaf(-1)], options)).toThrow(/to be NaN by central differences/)
    expect(() => gradCheck((x) => q.exp(x.mul(1000)), [leaf(0.70978)], { ...options, eps: 1e-3 })).toThrow(
      /to be Infinity by central differences/,
    )
  })

  test('outputs are told apart, and an empty one runs backward all the same', () => {
    expect(gradCheck((x) => q.mul(x, tensor(Float64Array.of(1, -1, 3))), [leaf(1, 2, 3)], options)).toBe(true)
    // Errors of the two outputs that cancel in their sum.
    const swapped = (x: F) => x.add(x.sub(x.detach()).mul(tensor(Float64Array.of(1, -1))))
    expect(() => gradCheck(swapped, [leaf(1, 1)], options)).toThrow(/^gradCheck/)
    let ran = false
    const x = leaf(1, 2)
    x.registerHook(() => void (ran = true))
    expect(gradCheck((x) => q.slice(x, 0, 2), [x], options)).toBe(true)
    expect(ran).toBe(true)
  })
})

test('numericGradient is of the sum of the outputs', () => {
  expect(() => numericGradient((x) => x, tensor([1]) as never)).toThrow(/^numericGradient: expected x to be float64/)
  const x = tensor(Float64Array.of(1, 2))
  expect(numericGradient((x) => x.square(), x).dataSync()[1]).toBeCloseTo(4, 6)
  expect(numericGradient((x) => q.concat([x, x.mul(3)]), x).dataSync()[0]).toBeCloseTo(4, 6)
})
