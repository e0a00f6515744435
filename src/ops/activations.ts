// Activations, named and meant as in torch.nn.functional; relu, sigmoid and tanh are in elementwise.ts.
import { Binary } from '../engine/opcodes.js'
import { local } from '../engine/scope.js'
import { shown } from '../engine/shown.js'
import { isRecording, record } from '../engine/tape.js'
import { ArgumentError } from '../errors.js'
import type { FloatDType, FloatTensor, Tensor } from '../tensor.js'
import { checkFloat, checkNumber, checkOptions } from './check.js'
import { clamp } from './clamp.js'
import { gt, le, lt, where } from './compare.js'
import { to } from './convert.js'
import {
  abs,
  add,
  binaryKernel,
  div,
  exp,
  mul,
  neg,
  scalarKernel,
  sigmoid,
  square,
  sub,
  unaryOp,
} from './elementwise.js'

/** exp(x) − 1, elementwise, without cancellation near 0. */
export const expm1 = unaryOp('expm1', 'y', (dy, _, y) => mul(dy, add(y, 1)))
/** log(1 + x), elementwise, without cancellation near 0. */
export const log1p = unaryOp('log1p', 'x', (dy, x) => div(dy, add(x, 1)))
/** The error function 2/√π ∫₀ˣ exp(−t²) dt, elementwise. */
export const erf = unaryOp('erf', 'x', (dy, x) => mul(dy, mul(exp(neg(square(x))), 2 / Math.sqrt(Math.PI))))

/** An operation made of others. */
function composed(name: string, compute: <D extends FloatDType>(x: Tensor<D>) => Tensor<D>) {
  return <D extends FloatDType>(x: Tensor<D>): Tensor<D> => {
    checkFloat(name, 'x', x)
    return local(() => compute(x))
  }
}

// dy · slope(x): in one pass, or composed where it is recorded.
const gradientOf =
  (name: string, kind: number, slope: (x: FloatTensor) => FloatTensor) =>
  (dy: FloatTensor, x: FloatTensor): FloatTensor =>
    isRecording() ? mul(dy, slope(x)) : binaryKernel(name, kind as 0, dy, x)

// The slope of x · gate(x), the gate being the sigmoid of what has slope dz.
const gatedSlope = (x: FloatTensor, gate: FloatTensor, dz: FloatTensor | number): FloatTensor =>
  mul(gate, add(mul(mul(x, sub(1, gate)), dz), 1))
const siluSlope = (x: FloatTensor): FloatTensor => gatedSlope(x, sigmoid(x), 1)
const hardswishSlope = (x: FloatTensor): FloatTensor => where(lt(x, -3), 0, where(le(x, 3), add(div(x, 3), 0.5), 1))
const hardsigmoidSlope = (x: FloatTensor): FloatTensor => div(to(lt(abs(x), 3), x.dtype), 6)

// Φ(x) + x φ(x)
const geluSlope = (x: FloatTensor): FloatTensor => {
  const density = mul(exp(mul(square(x), -0.5)), 1 / Math.sqrt(2 * Math.PI))
  return add(mul(add(erf(mul(x, Math.SQRT1_2)), 1), 0.5), mul(x, density))
}

const geluTanhSlope = (x: FloatTensor): FloatTensor => {
  const [scale, squares] = [Math.sqrt(8 / Math.PI), square(x)]
  const gate = sigmoid(mul(mul(x, scale), add(mul(squares, 0.044715), 1)))
  return gatedSlope(x, gate, mul(add(mul(squares, 3 * 0.044715), 1), scale))
}

/** x · sigmoid(x), elementwise (swish); Elfwing et al. 2018. */
export const silu = unaryOp('silu', 'x', gradientOf('silu', Binary.siluGrad, siluSlope))
/** x · clamp(x + 3, 0, 6) / 6, elementwise; Howard et al. 2019. */
export const hardswish = unaryOp('hardswish', 'x', gradientOf('hardswish', Binary.hardswishGrad, hardswishSlope))
/** clamp(x + 3, 0, 6) / 6, elementwise. */
export const hardsigmoid = unaryOp(
  'hardsigmoid',
  'x',
  gradientOf('hardsigmoid', Binary.hardsigmoidGrad, hardsigmoidSlope),
)

const geluExact = unaryOp('gelu', 'x', gradientOf('gelu', Binary.geluGrad, geluSlope))
const geluTanh = unaryOp('geluTanh', 'x', gradientOf('gelu', Binary.geluTanhGrad, geluTanhSlope))
const softplusUnit = unaryOp('softplus', 'x', (dy, x) => mul(dy, sigmoid(x)))

export interface GeluOptions {
  /** 'none' (the default) is exact, by the error function; 'tanh' the usual approximation. */
  approximate?: 'none' | 'tanh'
}

/** x Φ(x) with Φ the normal distribution's, elementwise; Hendrycks and Gimpel 2016. */
export function gelu<D extends FloatDType>(x: Tensor<D>, options: GeluOptions = {}): Tensor<D> {
  checkFloat('gelu', 'x', x)
  checkOptions('gelu', options)
  return checkApproximate(options.approximate) === 'tanh' ? geluTanh(x) : geluExact(x)
}

/** @internal */
export function checkApproximate(approximate: 'none' | 'tanh' = 'none'): 'none' | 'tanh' {
  if (approximate === 'none' || approximate === 'tanh') return approximate
  throw new ArgumentError(`gelu: expected approximate to be 'none' or 'tanh', got ${shown(approximate)}`)
}

/** x where x > 0, else negativeSlope · x (0.01 by default), elementwise. */
export function leakyRelu<D extends FloatDType>(x: Tensor<D>, options: { negativeSlope?: number } = {}): Tensor<D> {
  checkFloat('leakyRelu', 'x', x)
  checkOptions('leakyRelu', options)
  const slope = checkNumber('leakyRelu', 'negativeSlope', options.negativeSlope ?? 0.01, -Number.MAX_VALUE)
  const y = scalarKernel('leakyRelu', Binary.leakyRelu, x, slope)
  return record('leakyRelu', y, [x], [x], (dy, [x]) => [
    where(gt(x, 0), dy as FloatTensor, mul(dy as FloatTensor, slope)),
  ])
}

/** x where x > 0, else alpha · (exp(x) − 1) (alpha 1 by default), elementwise; Clevert et al. 2016. */
export function elu<D extends FloatDType>(x: Tensor<D>, options: { alpha?: number } = {}): Tensor<D> {
  checkFloat('elu', 'x', x)
  checkOptions('elu', options)
  const alpha = checkNumber('elu', 'alpha', options.alpha ?? 1, -Number.MAX_VALUE)
  const y = scalarKernel('elu', Binary.elu, x, alpha)
  return record('elu', y, [x], [x, y], (dy, [x, y]) => [
    where(gt(x, 0), dy as FloatTensor, mul(dy as FloatTensor, add(y as FloatTensor, alpha))),
  ])
}

/** elu scaled so that activations keep mean 0 and variance 1, elementwise; Klambauer et al. 2017. */
export const selu = composed('selu', (x) => mul(elu(x, { alpha: 1.6732632423543772 }), 1.0507009873554805))

export interface SoftplusOptions {
  /** Sharpness; 1 by default. */
  beta?: number
  /** Where beta · x is above it (20 by default), the result is x itself. */
  threshold?: number
}

/** log(1 + exp(beta · x)) / beta, elementwise, computed without overflow. */
export function softplus<D extends FloatDType>(x: Tensor<D>, options: SoftplusOptions = {}): Tensor<D> {
  checkFloat('softplus', 'x', x)
  checkOptions('softplus', options)
  const beta = checkNumber('softplus', 'beta', options.beta ?? 1, -Number.MAX_VALUE)
  const threshold = checkNumber('softplus', 'threshold', options.threshold ?? 20, -Number.MAX_VALUE)
  if (beta === 0) throw new ArgumentError('softplus: expected beta other than 0, got 0')
  return local(() => {
    const scaled = beta === 1 ? x : mul(x, beta)
    const y = softplusUnit(scaled)
    return where(gt(scaled, threshold), x, beta === 1 ? y : div(y, beta))
  })
}

/** log(sigmoid(x)), elementwise, computed without overflow. */
export const logSigmoid = composed('logSigmoid', (x) => neg(softplusUnit(neg(x))))

/** x / (1 + |x|), elementwise. */
export const softsign = composed('softsign', (x) => div(x, add(abs(x), 1)))

/** x limited to [minVal, maxVal] ([−1, 1] by default), elementwise; no gradient at the limits. */
export function hardtanh<D extends FloatDType>(
  x: Tensor<D>,
  options: { minVal?: number; maxVal?: number } = {},
): Tensor<D> {
  checkOptions('hardtanh', options)
  const low = checkNumber('hardtanh', 'minVal', options.minVal ?? -1, -Number.MAX_VALUE)
  const high = checkNumber('hardtanh', 'maxVal', options.maxVal ?? 1, low)
  checkFloat('hardtanh', 'x', x)
  return record('hardtanh', clamp(x.detach(), low, high), [x], [x], (dy, [x]) => [
    where(gt(x, low), where(lt(x, high), dy as FloatTensor, 0), 0),
  ])
}

/** min(max(0, x), 6), elementwise; no gradient at 0 and 6. */
export const relu6 = composed('relu6', (x) => hardtanh(x, { minVal: 0, maxVal: 6 }))
