import { isDense, rowMajor } from '../engine/layout.js'
import * as opcodes from '../engine/opcodes.js'
import { local } from '../engine/scope.js'
import { record } from '../engine/tape.js'
import { ShapeError } from '../errors.js'
import {
  type AnyTensor,
  allocate,
  denseCopy,
  type FloatDType,
  formatShape,
  sharedRuntime,
  type Tensor,
} from '../tensor.js'
import { checkFloat, checkNumber } from './check.js'
import { ones } from './create.js'
import { mul } from './elementwise.js'

// The generator is counter-based (Philox, Salmon et al. 2011): its whole state is a seed and how many blocks are spent.
export interface RandomState {
  seed: bigint
  counter: bigint
}

const state: RandomState = { seed: BigInt(Date.now()) ^ BigInt(Math.floor(Math.random() * 2 ** 52)), counter: 0n }

/** Seeds every random operation: the same seed gives the same numbers on every backend, instruction set and machine. */
export function manualSeed(seed: number): void {
  state.seed = BigInt.asUintN(64, BigInt(Math.trunc(checkNumber('manualSeed', 'seed', seed, -(2 ** 53), 2 ** 53))))
  state.counter = 0n
}

/** A copy of the generator's state, for setRandomState. */
export const randomState = (): RandomState => ({ ...state })

/** Puts the generator where it was. */
export function setRandomState(saved: RandomState): void {
  Object.assign(state, saved)
}

/** @internal The words of a command that draws n numbers, four from each block. */
export function draw(n: number) {
  const { seed, counter } = state
  state.counter = BigInt.asUintN(64, counter + BigInt(Math.ceil(n / 4)))
  const low = (v: bigint) => Number(BigInt.asUintN(32, v))
  return { seedLo: low(seed), seedHi: low(seed >> 32n), counterLo: low(counter), counterHi: low(counter >> 32n) }
}

/**
 * Zeroes each element with probability p and scales the others by 1/(1−p) (inverted dropout), when training; else x itself.
 */
export function dropout<D extends FloatDType>(
  x: Tensor<D>,
  options: { p?: number; training?: boolean } = {},
): Tensor<D> {
  checkFloat('dropout', 'x', x)
  const p = checkNumber('dropout', 'p', options.p ?? 0.5, 0, 1)
  if (!(options.training ?? true) || p === 0) return x
  const words = draw(x.size)
  const strides = isDense(x.shape, x.strides) ? x.strides : rowMajor(x.shape)
  // The mask is not kept: the same numbers are drawn again for the gradient.
  const apply = (t: AnyTensor): AnyTensor => {
    const runtime = sharedRuntime('dropout', t)
    const dense = t.strides.every((s, i) => s === strides[i] || t.shape[i] === 1) ? t : denseCopy(t, strides)
    const out = allocate(t.dtype, t.shape, strides, runtime)
    opcodes.dropout(runtime.encode(), t.dtype, { out, x: dense, n: t.size, p, ...words })
    if (dense !== t) dense.dispose()
    return record('dropout', out, [t], [], (dy) => [apply(dy)])
  }
  return apply(x) as Tensor<D>
}

/** As dropout, but zeroes whole channels of x (N,C,…). Throws ShapeError for fewer than 2 dimensions. */
export function dropout2d<D extends FloatDType>(
  x: Tensor<D>,
  options: { p?: number; training?: boolean } = {},
): Tensor<D> {
  checkFloat('dropout2d', 'x', x)
  const p = checkNumber('dropout2d', 'p', options.p ?? 0.5, 0, 1)
  if (x.ndim < 2) throw new ShapeError(`dropout2d: expected x (N,C,…), got ${formatShape(x.shape)}`)
  if (!(options.training ?? true) || p === 0) return x
  const channels = x.shape.map((n, i) => (i < 2 ? n : 1))
  return local(() => mul(x, dropout(ones(channels, { dtype: x.dtype }), { p })))
}
