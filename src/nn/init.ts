// Initialisers, in place, as in torch.nn.init.
import * as opcodes from '../engine/opcodes.js'
import { ArgumentError } from '../errors.js'
import { draw } from '../ops/random.js'
import { formatShape, type Tensor } from '../tensor.js'

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
export function constant_(t: Tensor, value: number): Tensor {
  opcodes.fill(t.storage.runtime.encode(), t.dtype, { out: t, n: t.size, value })
  t.storage.version++
  return t
}

/** Inputs and outputs of one element of a weight (O,I,…): its size per output, and per input. */
export function fans(weight: Tensor): { fanIn: number; fanOut: number } {
  if (weight.ndim < 2) {
    throw new ArgumentError(`init: expected a weight of 2 or more dimensions, got ${formatShape(weight.shape)}`)
  }
  const [o, i, ...rest] = weight.shape as [number, number, ...number[]]
  const field = rest.reduce((a, b) => a * b, 1)
  return { fanIn: i * field, fanOut: o * field }
}

/** U(−b, b) with b = √(6 / ((1 + a²) · fanIn)); He et al. 2015. */
export function kaimingUniform_(weight: Tensor, options: { a?: number } = {}): Tensor {
  const bound = Math.sqrt(6 / ((1 + (options.a ?? 0) ** 2) * Math.max(1, fans(weight).fanIn)))
  return uniform_(weight, -bound, bound)
}

/** N(0, 2 / ((1 + a²) · fanIn)); He et al. 2015. */
export function kaimingNormal_(weight: Tensor, options: { a?: number } = {}): Tensor {
  return normal_(weight, 0, Math.sqrt(2 / ((1 + (options.a ?? 0) ** 2) * Math.max(1, fans(weight).fanIn))))
}

/** U(−b, b) with b = √(6 / (fanIn + fanOut)); Glorot and Bengio 2010. */
export function xavierUniform_(weight: Tensor): Tensor {
  const { fanIn, fanOut } = fans(weight)
  const bound = Math.sqrt(6 / (fanIn + fanOut))
  return uniform_(weight, -bound, bound)
}

/** N(0, 2 / (fanIn + fanOut)); Glorot and Bengio 2010. */
export function xavierNormal_(weight: Tensor): Tensor {
  const { fanIn, fanOut } = fans(weight)
  return normal_(weight, 0, Math.sqrt(2 / (fanIn + fanOut)))
}
