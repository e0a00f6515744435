// What the initialisers compute with.
import { coalesce } from '../engine/layout.js'
import * as opcodes from '../engine/opcodes.js'
import { local } from '../engine/scope.js'
import { le, where } from '../ops/compare.js'
import { add, div, log, maximum, minimum, mul, neg, sqrt, sub } from '../ops/elementwise.js'
import { matmul } from '../ops/matmul.js'
import { norm } from '../ops/reduce.js'
import { narrow, transpose } from '../ops/view.js'
import type { Tensor } from '../tensor.js'

/** The error function: its series near 0, the continued fraction of erfc beyond; to 1e-14. */
export function erf(x: number): number {
  const size = Math.abs(x)
  if (size > 6) return Math.sign(x)
  if (size < 2.5) {
    let [term, total] = [x, x]
    for (let n = 1; Math.abs(term) > 1e-17 * Math.abs(total); n++) {
      term *= -(x * x) / n
      total += term / (2 * n + 1)
    }
    return (2 / Math.sqrt(Math.PI)) * total
  }
  let tail = 0
  for (let n = 60; n > 0; n--) tail = n / 2 / (size + tail)
  return Math.sign(x) * (1 - Math.exp(-size * size) / (Math.sqrt(Math.PI) * (size + tail)))
}

// Giles 2010, single precision; highest power first.
const central = [
  2.81022636e-8, 3.43273939e-7, -3.5233877e-6, -4.39150654e-6, 0.00021858087, -0.00125372503, -0.00417768164,
  0.246640727, 1.50140941,
]
const tails = [
  -0.000200214257, 0.000100950558, 0.00134934322, -0.00367342844, 0.00573950773, -0.0076224613, 0.00943887047,
  1.00167406, 2.83297682,
]

const polynomial = (coefficients: readonly number[], w: Tensor): Tensor =>
  coefficients
    .slice(2)
    .reduce<Tensor>((sum, c) => add(mul(sum, w), c), add(mul(w, coefficients[0] as number), coefficients[1] as number))

/** The inverse of erf for each element, to about 3e-7; Giles 2010. */
export function inverseErf(x: Tensor): Tensor {
  return local(() => {
    const w = neg(log(mul(sub(1, x), add(1, x))))
    const near = polynomial(central, sub(minimum(w, 5), 2.5))
    const far = polynomial(tails, sub(sqrt(maximum(w, 5)), 3))
    return mul(x, where(le(w, 5), near, far))
  })
}

/**
 * Rows of x (n,m), n ≤ m, made orthonormal in place by Gram and Schmidt's process, done twice for the sake of rounding; of
 * normal random rows this is the Q of their QR decomposition with R's diagonal positive.
 */
export function orthonormalRows(x: Tensor): Tensor {
  const n = x.shape[0] as number
  for (let i = 0; i < n; i++) {
    local(() => {
      const row = narrow(x, 0, i, 1)
      const before = narrow(x, 0, 0, i)
      let left: Tensor = row
      for (let pass = 0; pass < 2 && i > 0; pass++) {
        left = sub(left, matmul(matmul(left, transpose(before, 0, 1)), before))
      }
      left = div(left, norm(left))
      opcodes.copy(x.storage.runtime.encode(), x.dtype, {
        out: row,
        x: left,
        ...coalesce(row.shape, [row.strides, left.strides]),
      })
      return left
    }).dispose()
  }
  return x
}
