// Initialisers, in place, as in torch.nn.init.
import * as opcodes from '../engine/opcodes.js'
import { local } from '../engine/scope.js'
import { ArgumentError } from '../errors.js'
import { noGrad } from '../ops/autograd.js'
import { checkNumber, checkRank } from '../ops/check.js'
import { clamp } from '../ops/clamp.js'
import { empty, eye } from '../ops/create.js'
import { add, mul } from '../ops/elementwise.js'
import { fill_ } from '../ops/inplace.js'
import { draw } from '../ops/random.js'
import { reshape, transpose } from '../ops/view.js'
import { formatShape, type Tensor } from '../tensor.js'
import { erf, inverseErf, orthonormalRows } from './init-math.js'
import { assign } from './module.js'

/** Fills t with numbers from U(low, high). */
export function uniform_(t: Tensor, low = 0, high = 1): Tensor {
  opcodes.uniform(t.storage.runtime.encode(), t.dtype, { out: t, n: t.size, low, high, ...draw(t.size) })
  t.storage.version++
  return t
}

/** Fills t with numbers from N(mean, std²). */
export function normal_(t: Tensor, mean = 0, std = 1): Tensor {
  opcodes.normal(t.storage.runtime.encode(), t.dtype, { out: t, n: t.size, mean, std, ...draw(t.size) })
  t.storage.version++
  return t
}

/** Fills t with one value. */
export const constant_ = (t: Tensor, value: number): Tensor => noGrad(() => fill_(t, value))

/** Inputs and outputs of one element of a weight (O,I,…): its size per output, and per input. */
export function fans(weight: Tensor): { fanIn: number; fanOut: number } {
  if (weight.ndim < 2) {
    throw new ArgumentError(`init: expected a weight of 2 or more dimensions, got ${formatShape(weight.shape)}`)
  }
  const [o, i, ...rest] = weight.shape as [number, number, ...number[]]
  const field = rest.reduce((a, b) => a * b, 1)
  return { fanIn: i * field, fanOut: o * field }
}

/** Functions that a gain is known for. */
export type Nonlinearity =
  | 'linear'
  | 'conv1d'
  | 'conv2d'
  | 'conv3d'
  | 'convTranspose1d'
  | 'convTranspose2d'
  | 'convTranspose3d'
  | 'sigmoid'
  | 'tanh'
  | 'relu'
  | 'leakyRelu'
  | 'selu'

const linear = ['linear', 'conv1d', 'conv2d', 'conv3d', 'convTranspose1d', 'convTranspose2d', 'convTranspose3d']

/** By how much weights before this function are to be larger to keep the variance; param is leakyRelu's slope, 0.01 by default. */
export function calculateGain(nonlinearity: Nonlinearity, param = 0.01): number {
  if (linear.includes(nonlinearity) || nonlinearity === 'sigmoid') return 1
  if (nonlinearity === 'tanh') return 5 / 3
  if (nonlinearity === 'relu') return Math.SQRT2
  if (nonlinearity === 'leakyRelu') return Math.sqrt(2 / (1 + param ** 2))
  if (nonlinearity === 'selu') return 3 / 4
  throw new ArgumentError(
    `calculateGain: expected ${[...linear, 'sigmoid', 'tanh', 'relu', 'leakyRelu', 'selu'].join(', ')}, got ${String(nonlinearity)}`,
  )
}

export interface KaimingOptions {
  /** Negative slope of leakyRelu; 0 by default. */
  a?: number
  /** Keep the variance of the forward (fanIn, the default) or of the backward pass. */
  mode?: 'fanIn' | 'fanOut'
  /** leakyRelu by default. */
  nonlinearity?: Nonlinearity
}

// gain / √fan
function kaimingStd(weight: Tensor, { a = 0, mode = 'fanIn', nonlinearity = 'leakyRelu' }: KaimingOptions): number {
  if (mode !== 'fanIn' && mode !== 'fanOut') {
    throw new ArgumentError(`init: expected mode 'fanIn' or 'fanOut', got ${String(mode)}`)
  }
  return calculateGain(nonlinearity, a) / Math.sqrt(Math.max(1, fans(weight)[mode]))
}

/** U(−b, b) with b = gain·√(3 / fan); He et al. 2015. */
export function kaimingUniform_(weight: Tensor, options: KaimingOptions = {}): Tensor {
  const bound = Math.sqrt(3) * kaimingStd(weight, options)
  return uniform_(weight, -bound, bound)
}

/** N(0, gain² / fan); He et al. 2015. */
export function kaimingNormal_(weight: Tensor, options: KaimingOptions = {}): Tensor {
  return normal_(weight, 0, kaimingStd(weight, options))
}

// gain·√(2 / (fanIn + fanOut))
function xavierStd(weight: Tensor, gain: number): number {
  const { fanIn, fanOut } = fans(weight)
  return gain * Math.sqrt(2 / Math.max(1, fanIn + fanOut))
}

/** U(−b, b) with b = gain·√(6 / (fanIn + fanOut)); Glorot and Bengio 2010. */
export function xavierUniform_(weight: Tensor, options: { gain?: number } = {}): Tensor {
  const bound = Math.sqrt(3) * xavierStd(weight, options.gain ?? 1)
  return uniform_(weight, -bound, bound)
}

/** N(0, gain²·2 / (fanIn + fanOut)); Glorot and Bengio 2010. */
export function xavierNormal_(weight: Tensor, options: { gain?: number } = {}): Tensor {
  return normal_(weight, 0, xavierStd(weight, options.gain ?? 1))
}

/** U(−b, b) with b = √(3 / fanIn); LeCun et al. 1998. */
export const lecunUniform_ = (weight: Tensor): Tensor => kaimingUniform_(weight, { nonlinearity: 'linear' })

/** N(0, 1 / fanIn); LeCun et al. 1998. */
export const lecunNormal_ = (weight: Tensor): Tensor => kaimingNormal_(weight, { nonlinearity: 'linear' })

/** Fills t with 0. */
export const zeros_ = (t: Tensor): Tensor => constant_(t, 0)

/** Fills t with 1. */
export const ones_ = (t: Tensor): Tensor => constant_(t, 1)

/** Makes the matrix t the identity, or what of it there is room for. */
export function eye_(t: Tensor): Tensor {
  checkRank('eye_', 't', t, 2, '(rows,columns)')
  const [rows, columns] = t.shape as [number, number]
  return fill(t, () => eye(rows, columns, { dtype: t.dtype }))
}

/** N(mean, std²) cut off at low and high, which are values, not multiples of std: −2 and 2 by default. */
export function truncNormal_(t: Tensor, mean = 0, std = 1, low = -2, high = 2): Tensor {
  checkNumber('truncNormal_', 'std', std, Number.MIN_VALUE)
  checkNumber('truncNormal_', 'high', high, low)
  return fill(t, () => {
    // Uniform between the distribution function's values at the bounds, through its inverse.
    const u = uniform_(
      empty(t.shape, { dtype: t.dtype }),
      erf((low - mean) / std / Math.SQRT2),
      erf((high - mean) / std / Math.SQRT2),
    )
    return clamp(add(mul(inverseErf(u), std * Math.SQRT2), mean), low, high)
  })
}

/** A random matrix with orthonormal rows or columns, whichever are fewer, times gain; dimensions after the first are one. Saxe et al. 2014. */
export function orthogonal_(weight: Tensor, options: { gain?: number } = {}): Tensor {
  fans(weight)
  if (weight.size === 0) return weight
  const rows = weight.shape[0] as number
  const columns = weight.size / rows
  return fill(weight, () => {
    const random = normal_(empty([Math.min(rows, columns), Math.max(rows, columns)], { dtype: weight.dtype }))
    const q = mul(orthonormalRows(random), options.gain ?? 1)
    return reshape(rows <= columns ? q : transpose(q, 0, 1), weight.shape)
  })
}

// t takes over what fn makes.
function fill(t: Tensor, fn: () => Tensor): Tensor {
  const made = noGrad(() => local(fn))
  assign(t, made)
  made.dispose()
  return t
}
