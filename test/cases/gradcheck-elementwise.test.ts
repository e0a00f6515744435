// Gradients of elementwise operations and activations against central differences, first and second order.
import * as q from 'quern'
import { type F, type Fn, gradients, shapes, sized, unary } from './gradients.js'

const signed = { low: -2, high: 2 }
const wide = { low: -5, high: 5 }

unary('neg', q.neg, signed)
unary('abs', q.abs, signed)
unary('sign', q.sign, signed)
unary('exp', q.exp, signed)
unary('expm1', q.expm1, signed)
unary('log', q.log)
unary('log1p', q.log1p)
unary('sqrt', q.sqrt)
unary('rsqrt', q.rsqrt)
unary('square', q.square, signed)
unary('reciprocal', q.reciprocal)
unary('sin', q.sin, wide)
unary('cos', q.cos, wide)
unary('erf', q.erf, signed)
unary('clamp', (x) => q.clamp(x, -0.5, 1), signed)
unary('clamp from below', (x) => q.clamp(x, 0.1), signed)
unary('add a number', (x) => q.add(x, 2), signed)
unary('sub from a number', (x) => q.sub(2, x), signed)
unary('mul by a number', (x) => q.mul(x, -3), signed)
unary('div by a number', (x) => q.div(x, 3), signed)
unary('div of a number', (x) => q.div(3, x))
unary('pow 3', (x) => q.pow(x, 3), signed)
unary('pow -0.5', (x) => q.pow(x, -0.5))
unary('2 pow', (x) => q.pow(2, x), signed)
unary('maximum with a number', (x) => q.maximum(x, 0.3), signed)
unary('minimum with a number', (x) => q.minimum(0.3, x), signed)
unary('used twice', (x) => x.mul(x.sin()).add(x), signed)

// ---- activations

unary('relu', q.relu, signed)
unary('tanh', q.tanh, signed)
unary('sigmoid', q.sigmoid, wide)
unary('silu', q.silu, wide)
unary('gelu', (x) => q.gelu(x), wide)
unary('gelu tanh', (x) => q.gelu(x, { approximate: 'tanh' }), wide)
unary('hardswish', q.hardswish, wide)
unary('hardsigmoid', q.hardsigmoid, wide)
unary('leakyRelu', (x) => q.leakyRelu(x, { negativeSlope: 0.2 }), signed)
unary('elu', (x) => q.elu(x, { alpha: 0.7 }), signed)
unary('selu', q.selu, signed)
unary('softplus', (x) => q.softplus(x, { beta: 2, threshold: 4 }), wide)
unary('logSigmoid', q.logSigmoid, wide)
unary('softsign', q.softsign, signed)
unary('hardtanh', (x) => q.hardtanh(x, { minVal: -0.5 }), signed)
unary('relu6', q.relu6, { low: -2, high: 9 })

// ---- two operands

const pairs: [number[], number[]][] = [
  [[], []],
  [[2, 3], [3]],
  [[2, 3], []],
  [
    [2, 1],
    [1, 3],
  ],
  [[3], [2, 3]],
  [[0], [1]],
  [
    [2, 0],
    [2, 1],
  ],
  [[1], [1]],
  [
    [2, 3],
    [2, 3],
  ],
  [[5], [5]],
  [
    [2, 1, 3],
    [2, 1],
  ],
  [
    [1, 2, 2],
    [2, 1, 1],
  ],
  [[], [2, 2]],
  [[0, 3], [3]],
  [
    [1, 1],
    [3, 1],
  ],
  [
    [2, 2, 2],
    [2, 2, 2],
  ],
  [
    [3, 1],
    [3, 1],
  ],
  [
    [2, 1, 2],
    [1, 3, 1],
  ],
  [
    [1, 2, 1, 2],
    [2, 1],
  ],
  [
    [0, 1],
    [1, 2],
  ],
  [[7], [1]],
  [
    [2, 3, 1],
    [3, 2],
  ],
]
const binary = (operation: string, fn: (a: F, b: F) => F) =>
  gradients(
    operation,
    pairs.map(([a, b]) => [null, fn as Fn, ...sized(a, b)]),
  )
binary('add', q.add)
binary('sub', q.sub)
binary('mul', q.mul)
binary('div', q.div)
binary('pow', q.pow)
binary('maximum', q.maximum)
binary('minimum', q.minimum)
binary('where', (a, b) => q.where(q.gt(a.detach(), 1), a, b))
binary('where of operands', (a, b) => q.where(a.gt(b), a.square(), b.exp()))
gradients(
  'where beside a number',
  shapes.map((shape) => [
    null,
    (x) => q.where(q.lt(x.detach(), 1), q.where(q.lt(x.detach(), 0.6), 2, x), 3),
    { shape },
  ]),
)
