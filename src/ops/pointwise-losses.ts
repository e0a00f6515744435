// Losses of each element, named and meant as in torch.nn.functional.
import { local } from '../engine/scope.js'
import { shown } from '../engine/shown.js'
import { record } from '../engine/tape.js'
import { ArgumentError } from '../errors.js'
import type { FloatDType, FloatTensor, Tensor } from '../tensor.js'
import { logSigmoid } from './activations.js'
import { noGrad } from './autograd.js'
import { broadcastShapes, checkBoolean, checkFloat, checkNumber, checkOptions, checkSameDType } from './check.js'
import { clamp } from './clamp.js'
import { eq, lt, where } from './compare.js'
import { abs, add, div, exp, log, mul, neg, square, sub } from './elementwise.js'
import { checkBroadcastPair, checkPairOfTensors, checkReduction, type Reduction, reduced } from './loss-checks.js'
import { sum } from './reduce.js'

export interface LossOptions {
  /** 'mean' by default. */
  reduction?: Reduction
}

/** |input − target|, reduced. */
export function l1Loss<D extends FloatDType>(
  input: Tensor<D>,
  target: Tensor<NoInfer<D>>,
  options: LossOptions = {},
): Tensor<D> {
  const reduction = checkReduction('l1Loss', options)
  checkBroadcastPair('l1Loss', input, target)
  return local(() => reduced(abs(sub(input, target)), reduction))
}

export interface SmoothL1LossOptions extends LossOptions {
  /** Where |input − target| is below it (1 by default), the loss is quadratic. */
  beta?: number
}

/** d² / (2 beta) where d = |input − target| < beta, else d − beta / 2, reduced; Girshick 2015. */
export function smoothL1Loss<D extends FloatDType>(
  input: Tensor<D>,
  target: Tensor<NoInfer<D>>,
  options: SmoothL1LossOptions = {},
): Tensor<D> {
  const reduction = checkReduction('smoothL1Loss', options)
  const beta = checkNumber('smoothL1Loss', 'beta', options.beta ?? 1, 0)
  checkBroadcastPair('smoothL1Loss', input, target)
  if (beta === 0) return l1Loss(input, target, { reduction })
  return local(() => reduced(huber(sub(input, target), beta), reduction))
}

// Its gradient is d / beta within ±1. That through the branches would be 0 · ∞ where d is infinite.
function huber<D extends FloatDType>(d: Tensor<D>, beta: number): Tensor<D> {
  const losses = noGrad(() => {
    const size = abs(d)
    return where(lt(size, beta), mul(square(d), 0.5 / beta), sub(size, beta / 2))
  })
  return record('smoothL1Loss', losses, [d], [d], (dy, [d]) => [
    mul(dy as FloatTensor, clamp(div(d as FloatTensor, beta), -1, 1)),
  ])
}

export interface BCELossOptions<D extends FloatDType> extends LossOptions {
  /** Of each element; broadcast to the input. */
  weight?: Tensor<D> | null
}

/** −(target log input + (1 − target) log(1 − input)) of probabilities, its logarithms at least −100, reduced. */
export function bceLoss<D extends FloatDType>(
  input: Tensor<D>,
  target: Tensor<NoInfer<D>>,
  options: BCELossOptions<NoInfer<D>> = {},
): Tensor<D> {
  const reduction = checkReduction('bceLoss', options)
  checkPairOfTensors('bceLoss', input, target)
  return local(() => reduced(weighted('bceLoss', bce(input, target), options.weight), reduction))
}

const boundedLog = <D extends FloatDType>(x: Tensor<D>): Tensor<D> => clamp(log(x), -100)

// With PyTorch's gradient, which stays finite at 0 and 1: (x − t) / max(x (1 − x), 1e-12).
function bce<D extends FloatDType>(input: Tensor<D>, target: Tensor<D>): Tensor<D> {
  const losses = noGrad(() => {
    const other = boundedLog(sub(1, input))
    return neg(add(other, mul(target, sub(boundedLog(input), other))))
  })
  return record('bceLoss', losses, [input, target], [input, target], (dy, [x, t], needs) => [
    needs[0] ? mul(dy as FloatTensor, div(sub(x, t) as FloatTensor, clamp(mul(x, sub(1, x)), 1e-12))) : null,
    needs[1] ? mul(dy as FloatTensor, sub(log(sub(1, x)), log(x)) as FloatTensor) : null,
  ])
}

function weighted<D extends FloatDType>(
  operation: string,
  losses: Tensor<D>,
  weight: Tensor<D> | null | undefined,
): Tensor<D> {
  if (weight === undefined || weight === null) return losses
  checkFloat(operation, 'weight', weight)
  checkSameDType(operation, losses, weight)
  broadcastShapes(operation, losses.shape, weight.shape)
  return mul(losses, weight)
}

export interface BCEWithLogitsLossOptions<D extends FloatDType> extends BCELossOptions<D> {
  /** Weight of the positive targets; broadcast to the input. */
  posWeight?: Tensor<D> | null
}

/** bceLoss of sigmoid(input), computed without overflow: (1 − t) x − (1 + (posWeight − 1) t) log sigmoid(x), reduced. */
export function bceWithLogitsLoss<D extends FloatDType>(
  input: Tensor<D>,
  target: Tensor<NoInfer<D>>,
  options: BCEWithLogitsLossOptions<NoInfer<D>> = {},
): Tensor<D> {
  const op = 'bceWithLogitsLoss'
  const reduction = checkReduction(op, options)
  checkPairOfTensors(op, input, target)
  const { posWeight, weight } = options
  if (posWeight !== undefined && posWeight !== null) {
    checkFloat(op, 'posWeight', posWeight)
    checkSameDType(op, input, posWeight)
    broadcastShapes(op, input.shape, posWeight.shape)
  }
  return local(() => {
    const negative = mul(sub(1, target), input)
    const positive = logSigmoid(input)
    const scaled = posWeight ? mul(positive, add(mul(target, sub(posWeight, 1)), 1)) : positive
    return reduced(weighted(op, sub(negative, scaled), weight), reduction)
  })
}

export interface KLDivLossOptions {
  /** 'mean' (over all elements) by default; 'batchmean' divides the sum by the first dimension, which is the divergence. */
  reduction?: Reduction | 'batchmean'
  /** Whether the target is given as logarithms. */
  logTarget?: boolean
}

/** target · (log target − input), reduced: input holds logarithms of probabilities, target probabilities. */
export function klDivLoss<D extends FloatDType>(
  input: Tensor<D>,
  target: Tensor<NoInfer<D>>,
  options: KLDivLossOptions = {},
): Tensor<D> {
  const op = 'klDivLoss'
  checkOptions(op, options)
  const batch = options.reduction === 'batchmean'
  const reduction = checkKLReduction(op, options.reduction ?? 'mean')
  const logTarget = checkBoolean(op, 'logTarget', options.logTarget, false)
  checkBroadcastPair(op, input, target)
  if (batch && input.ndim === 0) throw new ArgumentError(`${op}: expected a batch for 'batchmean', got a scalar`)
  return local(() => {
    const logarithm = logTarget ? target : log(where(eq(target, 0), 1, target))
    const losses = mul(logTarget ? exp(target) : target, sub(logarithm, input))
    return batch ? div(sum(losses), input.shape[0] as number) : reduced(losses, reduction)
  })
}

function checkKLReduction(operation: string, reduction: Reduction | 'batchmean'): Reduction {
  if (reduction === 'batchmean') return 'sum'
  if (reduction === 'mean' || reduction === 'sum' || reduction === 'none') return reduction
  throw new ArgumentError(
    `${operation}: expected reduction to be 'mean', 'sum', 'none' or 'batchmean', got ${shown(reduction)}`,
  )
}
