// The methods that change a tensor in place, off the tape.
import * as q from 'quern'
import { type Operation, op } from './operation.js'
import * as p from './parameters.js'
import type { Random } from './random.js'
import { type AnyTensor, anything, strided } from './tensors.js'

type Name = 'copy_' | 'fill_' | 'zero_' | 'add_' | 'sub_' | 'mul_' | 'div_' | 'clamp_'
const method =
  (name: Name) =>
  (t: unknown, ...rest: unknown[]) =>
    q.noGrad(() => (q.Tensor.prototype[name] as (...rest: unknown[]) => unknown).apply(t, rest))

const [floats, numbers] = [['float32', 'float64'] as const, ['float32', 'float64', 'int32'] as const]
const one = (r: Random, dtypes: readonly q.DType[] = numbers) => strided(r, r.shape(), { dtype: r.pick(dtypes) })

/** A tensor and one that broadcasts to it, which now and then shares its memory. */
function two(r: Random, dtypes: readonly q.DType[]): [AnyTensor, AnyTensor] {
  const dtype = r.pick(dtypes)
  const shape = r.shape(r.pick([2, 1, 3]))
  const n = shape[0] as number
  if (r.chance(0.2)) {
    const both = strided(r, [n + 1, ...shape.slice(1)], { dtype })
    return [q.narrow(both, 0, 0, n), q.narrow(both, 0, 1, n)]
  }
  const row = r.chance(0.3) ? shape.slice(1) : shape
  return [strided(r, shape, { dtype }), strided(r, row, { dtype, low: 1 })]
}

const target = { tied: [-1], sameDType: true }
const other = { ...target, ranks: [0, 1, 2], orNumber: true }
const orNumber = (r: Random, dtypes: readonly q.DType[]) => {
  const [t, b] = two(r, dtypes)
  return [t, r.chance(0.2) ? r.pick([2, 0, -1]) : b]
}

export const inplace: readonly Operation[] = [
  op('copy_', method('copy_'), [p.any({ tied: [-1], anyFloat: true }), p.any({ tied: [-1], anyFloat: true })], (r) => {
    const shape = r.shape()
    return r.chance(0.3) ? two(r, numbers) : [anything(r, shape), anything(r, shape)]
  }),
  op('fill_', method('fill_'), [p.any(), p.anyNumber], (r) => [anything(r, r.shape()), r.pick([1, 0, 3])]),
  op('zero_', method('zero_'), [p.any()], (r) => [anything(r, r.shape())]),
  ...(['add_', 'sub_'] as const).map((name) =>
    op(
      name,
      method(name),
      [p.arithmetic(target), p.arithmetic(other)],
      (r) => [...orNumber(r, numbers), r.options({ alpha: r.pick([2, -1]) })],
      { options: { alpha: p.anyNumber } },
    ),
  ),
  op('mul_', method('mul_'), [p.arithmetic(target), p.arithmetic(other)], (r) => orNumber(r, numbers)),
  op('div_', method('div_'), [p.float(target), p.float(other)], (r) => orNumber(r, floats)),
  op('clamp_', method('clamp_'), [p.arithmetic(), p.anyNumber, p.anyNumber], (r) => [
    ...[one(r), r.pick([-1, 0])],
    r.pick([1, Infinity]),
  ]),
]
