import { coalesce, rowMajor, stridesFor } from '../engine/layout.js'
import * as opcodes from '../engine/opcodes.js'
import { Binary, Unary } from '../engine/opcodes.js'
import { local } from '../engine/scope.js'
import { isRecording, record } from '../engine/tape.js'
import { ArgumentError } from '../errors.js'
import {
  type AnyTensor,
  allocate,
  type DType,
  type FloatDType,
  type FloatTensor,
  sharedRuntime,
  Tensor,
} from '../tensor.js'
import { broadcastShapes, broadcastStrides, checkArithmetic, checkFloat, checkSameDType, checkTensor } from './check.js'
import { eq, ge, gt, lt, where } from './compare.js'
import { to } from './convert.js'
import { reluOfSum, sumWithNormal } from './fused.js'
import { sumTo } from './reduce.js'

/** What add, sub, mul, maximum and minimum take; int32 wraps around. */
export type Arithmetic = FloatDType | 'int32'
type Kind<T> = T[keyof T] & number
/** A tensor, or a number that stands for a scalar. */
export type NumberOr<D extends DType> = Tensor<D> | number

/** A constant of x's dtype, off the tape. */
export function filled<D extends DType>(x: Tensor<D>, shape: readonly number[], value: number): Tensor<D> {
  const runtime = sharedRuntime('full', x)
  const out = allocate(x.dtype, shape, rowMajor(shape), runtime)
  opcodes.fill(runtime.encode(), x.dtype, { out, n: out.size, value })
  return out
}

/** out = kind(x), off the tape. */
function unaryKernel<D extends FloatDType>(operation: string, kind: Kind<typeof Unary>, x: Tensor<D>): Tensor<D> {
  const runtime = sharedRuntime(operation, x)
  const out = allocate(x.dtype, x.shape, stridesFor(x.shape, [x]), runtime)
  opcodes.unary(runtime.encode(), x.dtype, { out, x, kind, ...coalesce(x.shape, [out.strides, x.strides]) })
  return out
}

/** out = kind(a, b) with broadcasting, off the tape. */
export function binaryKernel<D extends DType>(
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

// The same of int32 by other means: these wrap around as add and mul do.
function wholeOp(
  name: string,
  float: <D extends FloatDType>(x: Tensor<D>) => Tensor<D>,
  whole: (x: Tensor<'int32'>) => Tensor<'int32'>,
) {
  return <D extends Arithmetic>(x: Tensor<D>): Tensor<D> => {
    if (!isInt32(x)) return float(x as FloatTensor) as Tensor<D>
    checkTensor(name, 'x', x)
    return local(() => whole(x)) as unknown as Tensor<D>
  }
}
const isInt32 = (x: unknown): x is Tensor<'int32'> => x instanceof Tensor && x.dtype === 'int32'

export const neg = wholeOp(
  'neg',
  unaryOp('neg', 'none', (dy) => neg(dy)),
  (x) => sub(0, x),
)
export const abs = wholeOp(
  'abs',
  unaryOp('abs', 'x', (dy, x) => mul(dy, sign(x))),
  (x) => maximum(x, sub(0, x)),
)
// The derivative of what is constant but for its steps.
const nothing: Derivative = (dy) => filled(dy, dy.shape, 0)
export const sign = wholeOp('sign', unaryOp('sign', 'none', nothing), (x) => to(sign(to(x, 'float64')), 'int32'))
/** The largest whole number that is not above x. */
export const floor = unaryOp('floor', 'none', nothing)
/** The smallest whole number that is not below x. */
export const ceil = unaryOp('ceil', 'none', nothing)
/** The nearest whole number; of two the even one. */
export const round = unaryOp('round', 'none', nothing)
/** x without its fraction. */
export const trunc = unaryOp('trunc', 'none', nothing)
export const exp = unaryOp('exp', 'y', (dy, _, y) => mul(dy, y))
export const log = unaryOp('log', 'x', (dy, x) => div(dy, x))
export const sqrt = unaryOp('sqrt', 'y', (dy, _, y) => div(dy, mul(y, 2)))
export const rsqrt = unaryOp('rsqrt', 'y', (dy, _, y) => mul(mul(dy, -0.5), mul(y, square(y))))
export const square = wholeOp(
  'square',
  unaryOp('square', 'x', (dy, x) => mul(dy, mul(x, 2))),
  (x) => mul(x, x),
)
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
export function relu<D extends FloatDType>(x: Tensor<D>): Tensor<D> {
  checkFloat('relu', 'x', x)
  const y = reluOfSum(x) ?? unaryKernel('relu', Unary.relu, x)
  return record('relu', y, [x], [y], (dy, [y]) => [reluMask(dy as Tensor<D>, y)])
}

/** dy where y > 0, else 0: the gradient through a ReLU whose output is y. */
export function reluMask<D extends FloatDType>(dy: Tensor<D>, y: Tensor<D>): Tensor<D> {
  const dx = binaryKernel('relu', Binary.reluGrad, dy, y)
  return record('reluMask', dx, [dy], [y], (ddx, [y]) => [reluMask(ddx as Tensor<D>, y)])
}

// ---- two operands, with NumPy broadcasting; a number stands for a scalar

/** Of two tensors of one dtype, or of a number and a tensor. */
export interface BinaryOp<E extends DType> {
  <D extends E>(a: Tensor<D>, b: NumberOr<NoInfer<D>>): Tensor<D>
  <D extends E>(a: number, b: Tensor<D>): Tensor<D>
}
type Partial2 = (dy: FloatTensor, a: FloatTensor, b: FloatTensor, y: FloatTensor) => FloatTensor

function binaryOp<E extends Arithmetic = Arithmetic>(
  name: 'add' | 'sub' | 'mul' | 'div' | 'pow' | 'maximum' | 'minimum',
  da: Partial2,
  db: Partial2,
): BinaryOp<E> {
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
    const y = (name === 'add' ? sumWithNormal(a, b) : null) ?? binaryKernel(name, kind, a, b)
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
    default:
      return mul(dy, share(x, c, name === 'maximum' ? lt(x, c) : gt(x, c)))
  }
}

// The share of the gradient of a maximum or minimum that a gets, as in PyTorch: 0 where it is beaten, ½ where both are equal.
const share = (a: FloatTensor, b: FloatTensor | number, beaten: Tensor<'bool'>): FloatTensor =>
  where(beaten, 0, sub(1, mul(to(eq(a, b), a.dtype), 0.5)))

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
export const mul: BinaryOp<Arithmetic> = binaryOp(
  'mul',
  (dy, _, b) => mul(dy, b),
  (dy, a) => mul(dy, a),
)
const divFloats = binaryOp<FloatDType>(
  'div',
  (dy, _, b) => div(dy, b),
  (dy, _, b, y) => neg(mul(dy, div(y, b))),
)
/** a / b, elementwise; of int32 in float32. */
export function div<D extends FloatDType>(a: Tensor<D>, b: NumberOr<NoInfer<D>>): Tensor<D>
export function div<D extends FloatDType>(a: number, b: Tensor<D>): Tensor<D>
export function div(a: Tensor<'int32'>, b: NumberOr<'int32'>): Tensor<'float32'>
export function div(a: number, b: Tensor<'int32'>): Tensor<'float32'>
export function div(a: NumberOr<Arithmetic>, b: NumberOr<Arithmetic>): AnyTensor {
  if (a instanceof Tensor && b instanceof Tensor) checkSameDType('div', a, b)
  const float = (name: string, t: NumberOr<Arithmetic>) => {
    if (!isInt32(t)) return t
    checkTensor('div', name, t)
    return to(t, 'float32')
  }
  return local(() => divFloats(float('a', a) as FloatTensor, float('b', b) as FloatTensor))
}

/** a to the power b, elementwise. */
export const pow: BinaryOp<FloatDType> = binaryOp<FloatDType>(
  'pow',
  // b · a^(b-1), and 0 where b = 0 whatever a is.
  (dy, a, b) => mul(dy, where(eq(b, 0), mul(b, 0), mul(b, pow(a, sub(b, 1))))),
  // y · log a, and 0 where a = 0 and b >= 0.
  (dy, a, b, y) => mul(dy, where(mulMask(eq(a, 0), ge(b, 0), a.dtype), mul(y, 0), mul(y, log(a)))),
)
/** The larger of a and b, elementwise; NaN if either is. Where they are equal each gets half of the gradient. */
export const maximum = binaryOp(
  'maximum',
  (dy, a, b) => mul(dy, share(a, b, lt(a, b))),
  (dy, a, b) => mul(dy, share(b, a, lt(b, a))),
)
/** The smaller of a and b, elementwise; NaN if either is. Where they are equal each gets half of the gradient. */
export const minimum = binaryOp(
  'minimum',
  (dy, a, b) => mul(dy, share(a, b, gt(a, b))),
  (dy, a, b) => mul(dy, share(b, a, gt(b, a))),
)

const mulMask = (a: Tensor<'bool'>, b: Tensor<'bool'>, dtype: FloatDType): Tensor<'bool'> =>
  gt(mul(to(a, dtype), to(b, dtype)), 0)
