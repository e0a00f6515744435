import { coalesce, denseLike, isDense, rowMajor, sameLayout } from '../engine/layout.js'
import * as opcodes from '../engine/opcodes.js'
import { Binary, Compare, Unary } from '../engine/opcodes.js'
import { local } from '../engine/scope.js'
import { isRecording, record } from '../engine/tape.js'
import { ArgumentError } from '../errors.js'
import {
  type AnyTensor,
  allocate,
  type DType,
  denseCopy,
  type FloatDType,
  type FloatTensor,
  sharedRuntime,
  type Tensor,
} from '../tensor.js'
import {
  broadcastShapes,
  broadcastStrides,
  checkArithmetic,
  checkDTypeIs,
  checkFloat,
  checkSameDType,
  checkTensor,
  checkValue,
} from './check.js'
import { to } from './convert.js'
import { sumTo } from './reduce.js'

/** What add, sub, mul, maximum and minimum take; int32 wraps around. */
export type Arithmetic = FloatDType | 'int32'
type Kind<T> = T[keyof T] & number
type NumberOr<D extends DType> = Tensor<D> | number

// Keeps a permuted layout (channels-last images) through elementwise operations.
function stridesFor(shape: readonly number[], operands: readonly AnyTensor[]): readonly number[] {
  for (const t of operands) {
    if (t.ndim === shape.length && t.shape.every((n, i) => n === shape[i]) && isDense(t.shape, t.strides)) {
      return denseLike(shape, t.strides)
    }
  }
  return rowMajor(shape)
}

/** out = kind(x), off the tape. */
function unaryKernel<D extends FloatDType>(operation: string, kind: Kind<typeof Unary>, x: Tensor<D>): Tensor<D> {
  const runtime = sharedRuntime(operation, x)
  const out = allocate(x.dtype, x.shape, stridesFor(x.shape, [x]), runtime)
  opcodes.unary(runtime.encode(), x.dtype, { out, x, kind, ...coalesce(x.shape, [out.strides, x.strides]) })
  return out
}

/** out = kind(a, b) with broadcasting, off the tape. */
export function binaryKernel<D extends Arithmetic>(
  operation: string,
  kind: Kind<typeof Binary>,
  a: Tensor<D>,
  b: Tensor<D>,
): Tensor<D> {
  const runtime = sharedRuntime(operation, a, b)
  const shape = broadcastShapes(operation, a.shape, b.shape)
  const out = allocate(a.dtype, shape, stridesFor(shape, [a, b]), runtime)
  const nest = coalesce(shape, [out.strides, broadcastStrides(a, shape), broadcastStrides(b, shape)])
  opcodes.binary(runtime.encode(), a.dtype, { out, a, b, kind, ...nest })
  return out
}

/** out = kind(x, value), or kind(value, x) if reversed, off the tape. */
export function scalarKernel<D extends Arithmetic>(
  operation: string,
  kind: Kind<typeof Binary>,
  x: Tensor<D>,
  value: number,
  reversed = false,
): Tensor<D> {
  const runtime = sharedRuntime(operation, x)
  const out = allocate(x.dtype, x.shape, stridesFor(x.shape, [x]), runtime)
  const nest = coalesce(x.shape, [out.strides, x.strides])
  opcodes.scalar(runtime.encode(), x.dtype, { out, x, kind, reversed: Number(reversed), value, ...nest })
  return out
}

// ---- one operand: each gradient in terms of the input x or the output y

type Derivative = (dy: FloatTensor, x: FloatTensor, y: FloatTensor) => FloatTensor

export function unaryOp(name: keyof typeof Unary, saves: 'x' | 'y' | 'none', derivative: Derivative) {
  return <D extends FloatDType>(x: Tensor<D>): Tensor<D> => {
    checkFloat(name, 'x', x)
    const y = unaryKernel(name, Unary[name], x)
    const saved = saves === 'none' ? [] : [saves === 'x' ? x : y]
    return record(name, y, [x], saved, (dy, [s]) => [derivative(dy, s as FloatTensor, s as FloatTensor)])
  }
}

export const neg = unaryOp('neg', 'none', (dy) => neg(dy))
export const abs = unaryOp('abs', 'x', (dy, x) => mul(dy, sign(x)))
export const sign = unaryOp('sign', 'none', (dy) => filled(dy, dy.shape, 0))
export const exp = unaryOp('exp', 'y', (dy, _, y) => mul(dy, y))
export const log = unaryOp('log', 'x', (dy, x) => div(dy, x))
export const sqrt = unaryOp('sqrt', 'y', (dy, _, y) => div(dy, mul(y, 2)))
export const rsqrt = unaryOp('rsqrt', 'y', (dy, _, y) => mul(mul(dy, -0.5), mul(y, square(y))))
export const square = unaryOp('square', 'x', (dy, x) => mul(dy, mul(x, 2)))
export const reciprocal = unaryOp('reciprocal', 'y', (dy, _, y) => neg(mul(dy, square(y))))
export const sin = unaryOp('sin', 'x', (dy, x) => mul(dy, cos(x)))
export const cos = unaryOp('cos', 'x', (dy, x) => neg(mul(dy, sin(x))))
export const tanh = unaryOp('tanh', 'y', (dy, _, y) =>
  isRecording() ? mul(dy, sub(1, square(y))) : binaryKernel('tanh', Binary.tanhGrad, dy, y),
)
/** 1 / (1 + exp(-x)), elementwise. */
export const sigmoid = unaryOp('sigmoid', 'y', (dy, _, y) =>
  isRecording() ? mul(dy, mul(y, sub(1, y))) : binaryKernel('sigmoid', Binary.sigmoidGrad, dy, y),
)
/** max(0, x), elementwise; NaN stays NaN. */
export const relu = unaryOp('relu', 'y', (dy, _, y) => reluMask(dy, y))

/** dy where y > 0, else 0: the gradient through a ReLU whose output is y. */
export function reluMask<D extends FloatDType>(dy: Tensor<D>, y: Tensor<D>): Tensor<D> {
  const dx = binaryKernel('relu', Binary.reluGrad, dy, y)
  return record('reluMask', dx, [dy], [y], (ddx, [y]) => [reluMask(ddx as Tensor<D>, y)])
}

// ---- two operands, with NumPy broadcasting; a number stands for a scalar

type FloatOp = <D extends FloatDType>(a: NumberOr<D>, b: NumberOr<D>) => Tensor<D>
type Partial2 = (dy: FloatTensor, a: FloatTensor, b: FloatTensor, y: FloatTensor) => FloatTensor

function binaryOp(name: 'add' | 'sub' | 'mul' | 'div' | 'pow' | 'maximum' | 'minimum', da: Partial2, db: Partial2) {
  const kind = Binary[name]
  const needsValues = name !== 'add' && name !== 'sub'
  const check: (operation: string, name: string, t: AnyTensor, number?: number) => void =
    name === 'div' || name === 'pow' ? checkFloat : checkArithmetic
  return <D extends Arithmetic>(a: NumberOr<D>, b: NumberOr<D>): Tensor<D> => {
    if (typeof a === 'number' && typeof b === 'number') {
      throw new ArgumentError(`${name}: expected at least one tensor, got two numbers`)
    }
    if (typeof b === 'number') {
      const x = a as Tensor<D>
      check(name, 'a', x, b)
      const y = scalarKernel(name, kind, x, b)
      return record(name, y, [x], needsValues ? [x, y] : [], (dy, [x, y]) => [
        scalarGradient(name, asFloat(dy), x as FloatTensor, y as FloatTensor, b, false),
      ])
    }
    if (typeof a === 'number') {
      check(name, 'b', b, a)
      const y = scalarKernel(name, kind, b, a, true)
      return record(name, y, [b], needsValues ? [b, y] : [], (dy, [x, y]) => [
        scalarGradient(name, asFloat(dy), x as FloatTensor, y as FloatTensor, a, true),
      ])
    }
    check(name, 'a', a)
    check(name, 'b', b)
    checkSameDType(name, a, b)
    const y = binaryKernel(name, kind, a, b)
    const [sa, sb] = [a.shape, b.shape]
    return record(name, y, [a, b], needsValues ? [a, b, y] : [], (dy, [a, b, y], needs) => [
      needs[0] ? sumTo(da(asFloat(dy), a as FloatTensor, b as FloatTensor, y as FloatTensor), sa) : null,
      needs[1] ? sumTo(db(asFloat(dy), a as FloatTensor, b as FloatTensor, y as FloatTensor), sb) : null,
    ])
  }
}

// Whatever has a gradient is a float.
const asFloat = (t: AnyTensor): FloatTensor => t as FloatTensor

function scalarGradient(
  name: string,
  dy: FloatTensor,
  x: FloatTensor,
  y: FloatTensor,
  c: number,
  reversed: boolean,
): FloatTensor {
  switch (name) {
    case 'add':
      return dy
    case 'sub':
      return reversed ? neg(dy) : dy
    case 'mul':
      return mul(dy, c)
    case 'div':
      return reversed ? neg(mul(dy, div(y, x))) : div(dy, c)
    case 'pow':
      if (reversed) return mul(dy, mul(y, Math.log(c)))
      return c === 0 ? mul(dy, 0) : mul(dy, mul(pow(x, c - 1), c))
    default: // maximum, minimum: halves where both are equal, as PyTorch
      return mul(dy, sub(to(eq(y, x), x.dtype), mul(to(eq(x, c), x.dtype), 0.5)))
  }
}

// The share of the gradient that a gets: 1 where a is picked, ½ where both are equal.
const share = (a: FloatTensor, b: FloatTensor, picked: AnyTensor): FloatTensor =>
  add(to(picked as Tensor<'bool'>, a.dtype), mul(to(eq(a, b), a.dtype), 0.5))

export const add = binaryOp(
  'add',
  (dy) => dy,
  (dy) => dy,
)
export const sub = binaryOp(
  'sub',
  (dy) => dy,
  (dy) => neg(dy),
)
export const mul = binaryOp(
  'mul',
  (dy, _, b) => mul(dy, b),
  (dy, a) => mul(dy, a),
)
export const div: FloatOp = binaryOp(
  'div',
  (dy, _, b) => div(dy, b),
  (dy, _, b, y) => neg(mul(dy, div(y, b))),
)
/** a to the power b, elementwise. */
export const pow: FloatOp = binaryOp(
  'pow',
  // b · a^(b-1), and 0 where b = 0 whatever a is.
  (dy, a, b) => mul(dy, where(eq(b, 0), mul(b, 0), mul(b, pow(a, sub(b, 1))))),
  // y · log a, and 0 where a = 0 and b >= 0.
  (dy, a, b, y) => mul(dy, where(mulMask(eq(a, 0), ge(b, 0), a.dtype), mul(y, 0), mul(y, log(a)))),
)
/** The larger of a and b, elementwise; NaN if either is. Where they are equal each gets half of the gradient. */
export const maximum = binaryOp(
  'maximum',
  (dy, a, b) => mul(dy, share(a, b, gt(a, b))),
  (dy, a, b) => mul(dy, share(b, a, gt(b, a))),
)
/** The smaller of a and b, elementwise; NaN if either is. Where they are equal each gets half of the gradient. */
export const minimum = binaryOp(
  'minimum',
  (dy, a, b) => mul(dy, share(a, b, lt(a, b))),
  (dy, a, b) => mul(dy, share(b, a, lt(b, a))),
)

const mulMask = (a: Tensor<'bool'>, b: Tensor<'bool'>, dtype: FloatDType): Tensor<'bool'> =>
  gt(mul(to(a, dtype), to(b, dtype)), 0)

// ---- comparisons: no gradient

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

// A constant of x's dtype.
function filled<D extends FloatDType>(x: Tensor<D>, shape: readonly number[], value: number): Tensor<D> {
  const runtime = sharedRuntime('full', x)
  const out = allocate(x.dtype, shape, rowMajor(shape), runtime)
  opcodes.fill(runtime.encode(), x.dtype, { out, n: out.size, value })
  return out
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

/** x limited to [min, max], elementwise; NaN stays NaN. The gradient passes where min <= x <= max. */
export function clamp<D extends FloatDType>(
  x: Tensor<D>,
  min: number = Number.NEGATIVE_INFINITY,
  max: number = Number.POSITIVE_INFINITY,
): Tensor<D> {
  checkFloat('clamp', 'x', x)
  checkValue('clamp', 'min', min)
  checkValue('clamp', 'max', max)
  const runtime = sharedRuntime('clamp', x)
  const strides = stridesFor(x.shape, [x])
  const dense = sameLayout(x.shape, x.strides, strides) ? x : denseCopy(x, strides)
  const y = allocate(x.dtype, x.shape, strides, runtime)
  opcodes.clamp(runtime.encode(), x.dtype, { out: y, x: dense, low: min, high: max, n: x.size })
  if (dense !== x) dense.dispose()
  return record('clamp', y, [x], [x, y], (dy, [x, y]) => [where(eq(x, y), dy, 0)])
}
