// Comparisons, and the choice between two tensors by one.
import { coalesce } from '../engine/layout.js'
import * as opcodes from '../engine/opcodes.js'
import { Compare } from '../engine/opcodes.js'
import { local } from '../engine/scope.js'
import { record } from '../engine/tape.js'
import { ArgumentError } from '../errors.js'
import {
  type AnyTensor,
  allocate,
  type DType,
  type FloatDType,
  type FloatTensor,
  sharedRuntime,
  type Tensor,
} from '../tensor.js'
import { broadcastShapes, broadcastStrides, checkDTypeIs, checkFloat, checkSameDType, checkTensor } from './check.js'
import { to } from './convert.js'
import { filled, type NumberOr, stridesFor } from './elementwise.js'
import { sumTo } from './reduce.js'

function compareOp(name: keyof typeof Compare) {
  return <D extends DType>(a: Tensor<D>, b: NumberOr<D>): Tensor<'bool'> => {
    checkTensor(name, 'a', a)
    return local(() => compareKernel(name, ...comparable(name, a, b)))
  }
}

function compareKernel(name: keyof typeof Compare, x: FloatTensor, y: FloatTensor): Tensor<'bool'> {
  const runtime = sharedRuntime(name, x, y)
  const shape = broadcastShapes(name, x.shape, y.shape)
  const out = allocate('bool', shape, stridesFor(shape, [x, y]), runtime)
  const nest = coalesce(shape, [out.strides, broadcastStrides(x, shape), broadcastStrides(y, shape)])
  opcodes.compare(runtime.encode(), x.dtype, { out, a: x, b: y, kind: Compare[name], ...nest })
  return out
}

// Integers and bools compare exactly in double precision.
function comparable(name: string, a: AnyTensor, b: AnyTensor | number): [FloatTensor, FloatTensor] {
  const x = a.dtype === 'float32' || a.dtype === 'float64' ? (a as FloatTensor) : to(a, 'float64')
  if (typeof b === 'number') return [x, filled(x, [], b)]
  checkTensor(name, 'b', b)
  checkSameDType(name, a, b)
  return [x, x === a ? (b as FloatTensor) : to(b, 'float64')]
}

export const eq = compareOp('eq')
export const ne = compareOp('ne')
export const lt = compareOp('lt')
export const le = compareOp('le')
export const gt = compareOp('gt')
export const ge = compareOp('ge')

/** a where the condition holds, else b, elementwise with broadcasting. */
export function where<D extends FloatDType>(condition: Tensor<'bool'>, a: NumberOr<D>, b: NumberOr<D>): Tensor<D> {
  checkDTypeIs('where', 'condition', condition, 'bool')
  if (typeof a === 'number' && typeof b === 'number') {
    throw new ArgumentError('where: expected at least one tensor beside the condition, got two numbers')
  }
  const like = (typeof a === 'number' ? b : a) as Tensor<D>
  for (const t of [a, b]) if (typeof t !== 'number') checkFloat('where', 'a and b', t)
  return local(() => {
    const x = typeof a === 'number' ? filled(like, [], a) : a
    const y = typeof b === 'number' ? filled(like, [], b) : b
    checkSameDType('where', x, y)
    return whereKernel(condition, x, y)
  })
}

function whereKernel<D extends FloatDType>(condition: Tensor<'bool'>, x: Tensor<D>, y: Tensor<D>): Tensor<D> {
  const runtime = sharedRuntime('where', condition, x, y)
  const shape = broadcastShapes('where', condition.shape, broadcastShapes('where', x.shape, y.shape))
  const out = allocate(x.dtype, shape, stridesFor(shape, [x, y]), runtime)
  const operands = [out.strides, ...[condition, x, y].map((t) => broadcastStrides(t, shape))]
  opcodes.where(runtime.encode(), x.dtype, { out, condition, a: x, b: y, ...coalesce(shape, operands) })
  return record('where', out, [x, y], [condition], (dy, [condition], needs) => [
    needs[0] ? sumTo(where(condition, dy as FloatTensor, 0), x.shape) : null,
    needs[1] ? sumTo(where(condition, 0, dy as FloatTensor), y.shape) : null,
  ])
}
