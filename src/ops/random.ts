import { isDense, rowMajor } from '../engine/layout.js'
import * as opcodes from '../engine/opcodes.js'
import { local } from '../engine/scope.js'
import { shown } from '../engine/shown.js'
import { record } from '../engine/tape.js'
import { ArgumentError, ShapeError } from '../errors.js'
import {
  type AnyTensor,
  allocate,
  denseCopy,
  type FloatDType,
  formatShape,
  sharedRuntime,
  type Tensor,
} from '../tensor.js'
import { checkBoolean, checkFloat, checkInteger, checkNumber, checkOptions } from './check.js'
import { lt } from './compare.js'
import { to } from './convert.js'
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
  const { seed, counter } = saved ?? {}
  if (typeof seed !== 'bigint' || typeof counter !== 'bigint') {
    throw new ArgumentError(
      `setRandomState: expected what randomState() gave, got seed ${shown(seed)} and counter ${shown(counter)}`,
    )
  }
  Object.assign(state, { seed, counter })
}

/** @internal The words of a command that draws n numbers, four from each block. */
export function draw(n: number) {
  const { seed, counter } = state
  state.counter = BigInt.asUintN(64, counter + BigInt(Math.ceil(n / 4)))
  const low = (v: bigint) => Number(BigInt.asUintN(32, v))
  return { seedLo: low(seed), seedHi: low(seed >> 32n), counterLo: low(counter), counterHi: low(counter >> 32n) }
}

// The four words of a block: Philox 4x32-10, as the engine draws them.
function philox(counter: bigint, seedLo: number, seedHi: number): [number, number, number, number] {
  let c: [number, number, number, number] = [Number(counter & 0xffffffffn), Number(counter >> 32n), 0, 0]
  let [low, high] = [seedLo, seedHi]
  for (let round = 0; round < 10; round++) {
    const [a, b] = [product(0xd2511f53, c[0]), product(0xcd9e8d57, c[2])]
    c = [(b[1] ^ c[1] ^ low) >>> 0, b[0], (a[1] ^ c[3] ^ high) >>> 0, a[0]]
    low = (low + 0x9e3779b9) >>> 0
    high = (high + 0xbb67ae85) >>> 0
  }
  return c
}

// The low and high word of a · b.
function product(a: number, b: number): [number, number] {
  const upper = a * (b >>> 16) + Math.floor((a * (b & 0xffff)) / 65536) // below 2⁴⁹: exact
  return [Math.imul(a, b) >>> 0, Math.floor(upper / 65536)]
}

/** The numbers from 0 to n − 1 in random order (Fisher–Yates). */
export function randperm(n: number): Tensor<'int32'> {
  checkInteger('randperm', 'n', n, 0)
  const { counter } = state
  const { seedLo, seedHi } = draw(n)
  const order = Int32Array.from({ length: n }, (_, i) => i)
  let words = [0, 0, 0, 0]
  for (let i = 0; i < n; i++) {
    if (i % 4 === 0) words = philox(BigInt.asUintN(64, counter + BigInt(i / 4)), seedLo, seedHi)
    const j = i + Math.floor(((words[i % 4] as number) / 2 ** 32) * (n - i))
    const value = order[i] as number
    order[i] = order[j] as number
    order[j] = value
  }
  const t = allocate('int32', [n])
  t.storage.runtime.write(t.storage.id, order)
  return t
}

/** Ones with the probabilities that p holds, else zeros, in p's dtype; no gradient. */
export function bernoulli<D extends FloatDType>(p: Tensor<D>): Tensor<D> {
  checkFloat('bernoulli', 'p', p)
  return local(() => {
    const u = allocate(p.dtype, p.shape, rowMajor(p.shape), sharedRuntime('bernoulli', p))
    opcodes.uniform(u.storage.runtime.encode(), u.dtype, { out: u, n: u.size, low: 0, high: 1, ...draw(u.size) })
    return to(lt(u, p), p.dtype)
  })
}

/**
 * Zeroes each element with probability p, to 2⁻¹⁶, and scales the others by 1/(1−p) (inverted dropout), when training;
 * else x itself.
 */
export function dropout<D extends FloatDType>(
  x: Tensor<D>,
  options: { p?: number; training?: boolean } = {},
): Tensor<D> {
  checkFloat('dropout', 'x', x)
  checkOptions('dropout', options)
  const training = checkBoolean('dropout', 'training', options.training, true)
  const p = checkNumber('dropout', 'p', options.p ?? 0.5, 0, 1)
  if (!training || p === 0) return x
  const words = draw(Math.ceil(x.size / 128) * 64) // halves of 64 words for 128 elements
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
  checkOptions('dropout2d', options)
  const training = checkBoolean('dropout2d', 'training', options.training, true)
  const p = checkNumber('dropout2d', 'p', options.p ?? 0.5, 0, 1)
  if (x.ndim < 2) throw new ShapeError(`dropout2d: expected x (N,C,…), got ${formatShape(x.shape)}`)
  if (!training || p === 0) return x
  const channels = x.shape.map((n, i) => (i < 2 ? n : 1))
  return local(() => mul(x, dropout(ones(channels, { dtype: x.dtype }), { p })))
}
