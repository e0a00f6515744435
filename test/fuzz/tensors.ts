// Tensors of a shape asked for, in every memory order that views can give them.
import { type DType, expand, narrow, permute, slice, type Tensor, tensor, to } from 'quern'
import type { Random } from './random.js'

export type AnyTensor = Tensor<DType>

export interface Wanted {
  dtype?: DType
  low?: number
  high?: number
}

/** This shape of one, in a batch or now and then alone. */
export const batched = (r: Random, shape: readonly number[]): number[] =>
  r.chance(0.2) ? [...shape] : [r.size(), ...shape]

/** Numbers, whole ones unless dtype is a float, in [low, high]. */
function dense(r: Random, shape: readonly number[], { dtype = 'float32', low = -2, high = 2 }: Wanted): AnyTensor {
  const float = dtype === 'float32' || dtype === 'float64'
  const value = () => (float ? low + (high - low) * r.next() : r.integer(low, high))
  const size = shape.reduce((a, b) => a * b, 1)
  return tensor(Float64Array.from({ length: size }, value), { shape, dtype } as object) as AnyTensor
}

const resized = (shape: readonly number[], dim: number, size: number) => shape.map((n, i) => (i === dim ? size : n))

/** As dense, but now and then a view: permuted, with gaps, from the middle, or repeated. */
export function strided(r: Random, shape: readonly number[], wanted: Wanted = {}): AnyTensor {
  if (shape.length === 0 || !r.chance(0.5)) return dense(r, shape, wanted)
  const dim = r.integer(0, shape.length - 1)
  const n = shape[dim] as number
  switch (r.integer(0, 3)) {
    case 0: {
      const order = shape.map((_, i) => (i + dim) % shape.length)
      const moved = order.map((d) => shape[d] as number)
      return permute(
        dense(r, moved, wanted),
        order.map((_, i) => order.indexOf(i)),
      )
    }
    case 1:
      return slice(dense(r, resized(shape, dim, 2 * n + 1), wanted), dim, 1, 2 * n + 1, 2)
    case 2:
      return narrow(dense(r, resized(shape, dim, n + 3), wanted), dim, 2, n)
    default:
      return expand(dense(r, resized(shape, dim, 1), wanted), shape)
  }
}

/** Of a float dtype, now and then with requiresGrad. */
export function floats(r: Random, shape: readonly number[], wanted: Wanted = {}): Tensor {
  const t = strided(r, shape, wanted) as Tensor
  if (r.chance(0.4)) t.requiresGrad = true
  return t
}

/** int32 in [0, n), now and then also beyond. */
export function indices(r: Random, shape: readonly number[], n: number): Tensor<'int32'> {
  const beyond = r.chance(0.1)
  const range = beyond ? { low: -2, high: n + 2 } : { low: 0, high: Math.max(0, n - 1) }
  const t = strided(r, shape, { dtype: 'int32', ...range }) as Tensor<'int32'>
  return beyond && r.chance(0.2) ? to(t.to('float64').mul(2 ** 29), 'int32') : t
}

/** Of any dtype. */
export function anything(r: Random, shape: readonly number[]): AnyTensor {
  const dtype = r.pick(['float32', 'float64', 'int32', 'uint8', 'bool'] as const)
  if (dtype === 'float32' || dtype === 'float64') return floats(r, shape, { dtype }) as AnyTensor
  return strided(r, shape, { dtype, low: 0, high: 3 })
}
