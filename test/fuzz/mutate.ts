// Spoils the arguments of a call.
import { Tensor, tensor, to } from 'quern'
import type { Random } from './random.js'
import { type AnyTensor, anything } from './tensors.js'

/** Values that fit nowhere or only just; numbers are small or so large that a tensor of 2³¹ elements is far below. */
const junk: readonly (() => unknown)[] = [
  ...[undefined, null, true, false, '', 'x', 'float64', 'mean', 0, -0, 1, -1, 2, 0.5, -0.5, 1e-320].map((v) => () => v),
  ...[Number.NaN, Infinity, -Infinity, 2 ** 40, -(2 ** 40), 2 ** 53, 1e300, -1e300, 10n].map((v) => () => v),
  ...[
    () => [],
    () => [0],
    () => [-1],
    () => [1, 2],
    () => [Number.NaN],
    () => ['x'],
    () => [2 ** 31],
    () => [[1], [2, 3]],
  ],
  ...[() => ({}), () => ({ dim: 0 }), () => Object.create(null), () => new Array(17).fill(1), () => new Array(3)],
  ...[() => () => 1, () => Symbol('s'), () => new Date(0), () => new Map(), () => new Float32Array(3), () => /x/],
  ...[() => [2 ** 20, 2 ** 20], () => [0, 2 ** 30, 2 ** 30], () => new BigInt64Array(2)],
]

/** The tensor in another dtype, of another shape, or dead. */
function spoiled(r: Random, t: AnyTensor): unknown {
  switch (r.integer(0, 5)) {
    case 0:
      return t.disposed ? t : to(t, r.pick(['float32', 'float64', 'int32', 'uint8', 'bool'] as const))
    case 1:
      return anything(r, r.shape())
    case 2: {
      const shape = t.shape.map((n) => (r.chance(0.5) ? n : r.size()))
      return anything(r, shape)
    }
    case 3:
      t.dispose()
      return t
    case 4:
      return t.disposed ? t : t.shape.length > 0 && r.chance(0.5) ? t.unsqueeze(0) : t.detach()
    default:
      return tensor([Number.NaN, Infinity, -Infinity])
  }
}

/** This value, changed somewhere inside or replaced. */
export function mutated(r: Random, value: unknown): unknown {
  if (value instanceof Tensor && r.chance(0.6)) return spoiled(r, value as AnyTensor)
  if (Array.isArray(value) && value.length > 0 && r.chance(0.6)) {
    const at = r.integer(0, value.length - 1)
    return r.chance(0.2) ? value.slice(1) : value.map((v, i) => (i === at ? mutated(r, v) : v))
  }
  const plain = typeof value === 'object' && value && Object.getPrototypeOf(value) === Object.prototype
  if (plain && Object.keys(value).length > 0 && r.chance(0.8)) {
    const key = r.pick(Object.keys(value))
    // What these make is too large altogether, or small.
    if (/^(stride|padding|dilation)$/.test(key) && r.chance(0.2)) return { ...value, [key]: 2 ** 31 - 1 }
    return { ...value, [key]: mutated(r, (value as Record<string, unknown>)[key]) }
  }
  if (typeof value === 'number' && r.chance(0.3)) return value + r.pick([1, -1, 0.5, 3])
  return r.pick(junk)()
}

/** The arguments with one or two of them changed, left out, or one more. */
export function spoil(r: Random, args: readonly unknown[]): unknown[] {
  const result = [...args]
  for (let changes = r.integer(1, 2); changes > 0; changes--) {
    const at = r.integer(0, result.length)
    if (r.chance(0.05)) result.splice(at, 1)
    else result[at] = at < result.length ? mutated(r, result[at]) : r.pick(junk)()
  }
  return result
}
