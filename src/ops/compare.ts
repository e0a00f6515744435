// Comparisons, and the choice between two tensors by one.
import { isFloat } from '../engine/dtype.js'
import { coalesce, stridesFor } from '../engine/layout.js'
import * as opcodes from '../engine/opcodes.js'
import { Binary, Compare } from '../engine/opcodes.js'
import { local } from '../engine/scope.js'
import { record } from '../engine/tape.js'
import { ArgumentError } from '../errors.js'
import { type AnyTensor, allocate, type DType, type FloatTensor, sharedRuntime, type Tensor } from '../tensor.js'
import { broadcastShapes, broadcastStrides, checkDTypeIs, checkInteger, checkSameDType, checkTensor } from './check.js'
import { to } from './convert.js'
import { abs, binaryKernel, filled, type NumberOr } from './elementwise.js'
import { sumTo } from './reduce.js'

function compareOp(name: keyof typeof Compare) {
  return <D extends DType>(a: Tensor<D>, b: NumberOr<NoInfer<D>>): Tensor<'bool'> => {
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
  const x = isFloat(a.dtype) ? (a as FloatTensor) : to(a, 'float64')
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
export function where<D extends DType>(condition: Tensor<'bool'>, a: Tensor<D>, b: NumberOr<NoInfer<D>>): Tensor<D>
export function where<D extends DType>(condition: Tensor<'bool'>, a: number, b: Tensor<D>): Tensor<D>
export function where<D extends DType>(condition: Tensor<'bool'>, a: NumberOr<D>, b: NumberOr<D>): Tensor<D> {
  checkDTypeIs('where', 'condition', condition, 'bool')
  if (typeof a === 'number' && typeof b === 'number') {
    throw new ArgumentError('where: expected at least one tensor beside the condition, got two numbers')
  }
  for (const t of [a, b]) if (typeof t !== 'number') checkTensor('where', 'a and b', t)
  const like = (typeof a === 'number' ? b : a) as Tensor<D>
  return local(() => {
    const x = typeof a === 'number' ? constantLike('where', like, a) : a
    const y = typeof b === 'number' ? constantLike('where', like, b) : b
    checkSameDType('where', x, y)
    return whereKernel(condition, x, y)
  })
}

function constantLike<D extends DType>(operation: string, like: Tensor<D>, value: number): Tensor<D> {
  const limits = { int32: [-(2 ** 31), 2 ** 31 - 1], uint8: [0, 255], bool: [0, 1] } as const
  if (!isFloat(like.dtype)) {
    const [low, high] = limits[like.dtype as keyof typeof limits]
    checkInteger(operation, `the number beside a tensor of ${like.dtype}`, value, low, high)
  }
  return filled(like, [], value)
}

function whereKernel<D extends DType>(condition: Tensor<'bool'>, x: Tensor<D>, y: Tensor<D>): Tensor<D> {
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

// ---- on truth: whatever is not zero is true, NaN too

function logicalOp(name: 'logicalAnd' | 'logicalOr', kind: 'minimum' | 'maximum') {
  return (a: AnyTensor, b: AnyTensor): Tensor<'bool'> => {
    checkTensor(name, 'a', a)
    checkTensor(name, 'b', b)
    return local(() => binaryKernel(name, Binary[kind], to(a, 'bool'), to(b, 'bool')))
  }
}
/** Whether both are true, elementwise. */
export const logicalAnd = logicalOp('logicalAnd', 'minimum')
/** Whether one of them is true, elementwise. */
export const logicalOr = logicalOp('logicalOr', 'maximum')
/** Whether just one of them is true, elementwise. */
export const logicalXor = (a: AnyTensor, b: AnyTensor): Tensor<'bool'> => {
  checkTensor('logicalXor', 'a', a)
  checkTensor('logicalXor', 'b', b)
  broadcastShapes('logicalXor', a.shape, b.shape)
  return local(() => ne(to(a, 'bool'), to(b, 'bool')))
}
/** Whether x is false, elementwise. */
export const logicalNot = (x: AnyTensor): Tensor<'bool'> => {
  checkTensor('logicalNot', 'x', x)
  return eq(x, 0)
}

/** Whether x is NaN, elementwise. */
export const isnan = (x: AnyTensor): Tensor<'bool'> => {
  checkTensor('isnan', 'x', x)
  return ne(x, x)
}
/** Whether x is infinite, of either sign, elementwise. */
export const isinf = (x: AnyTensor): Tensor<'bool'> => {
  checkTensor('isinf', 'x', x)
  return local(() => eq(magnitude(x), Number.POSITIVE_INFINITY))
}
/** Whether x is neither infinite nor NaN, elementwise. */
export const isfinite = (x: AnyTensor): Tensor<'bool'> => {
  checkTensor('isfinite', 'x', x)
  return local(() => lt(magnitude(x), Number.POSITIVE_INFINITY))
}
const magnitude = (x: AnyTensor): FloatTensor => abs(isFloat(x.dtype) ? (x as FloatTensor) : to(x, 'float64'))
