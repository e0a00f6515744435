// Losses of class indices: negative log-likelihood and margins.
import { local } from '../engine/scope.js'
import { shown } from '../engine/shown.js'
import { ArgumentError, ShapeError } from '../errors.js'
import { type DType, type FloatDType, formatShape, type Tensor } from '../tensor.js'
import { checkInteger, checkNumber } from './check.js'
import { eq, where } from './compare.js'
import { to } from './convert.js'
import { zerosLike } from './create.js'
import { add, div, mul, neg, relu, square, sub } from './elementwise.js'
import { gather, indexSelect, oneHot } from './indexing.js'
import { checkClasses, checkReduction, checkWeight, type Reduction, reduced } from './loss-checks.js'
import { sum } from './reduce.js'
import { reshape, squeeze, unsqueeze } from './view.js'

export interface NLLLossOptions<D extends FloatDType> {
  /** Of each class: (C). */
  weight?: Tensor<D> | null
  /** Targets of this class count for nothing; -100 by default. */
  ignoreIndex?: number
  /** 'mean' (by the targets' weights), 'sum', or 'none'. */
  reduction?: Reduction
}

/** −input[target], input holding logarithms of probabilities (N,C), (C) or (N,C,d…); a target outside the classes gives NaN. */
export function nllLoss<D extends FloatDType>(
  input: Tensor<D>,
  target: Tensor<'int32'>,
  options: NLLLossOptions<NoInfer<D>> = {},
): Tensor<D> {
  const op = 'nllLoss'
  const reduction = checkReduction(op, options)
  const ignoreIndex = checkInteger(op, 'ignoreIndex', options.ignoreIndex ?? -100, -(2 ** 31))
  checkClasses(op, 'input', input, target)
  const dim = input.ndim === 1 ? 0 : 1
  const weight = checkWeight(op, input, input.shape[dim] as number, options.weight)
  return local(() => {
    const picked = neg(squeeze(gather(input, dim, unsqueeze(target, dim)), dim))
    const ignored = eq(target, ignoreIndex)
    const weights = where(ignored, 0, weight ? classWeights(weight, target) : add(zerosLike(picked), 1))
    const losses = mul(where(ignored, 0, picked), weights)
    return reduction === 'mean' ? div(sum(losses), sum(weights)) : reduced(losses, reduction)
  })
}

// weight[target]
const classWeights = <D extends DType>(weight: Tensor<D>, target: Tensor<'int32'>): Tensor<D> =>
  reshape(indexSelect(weight, 0, reshape(target, [target.size])), target.shape)

export interface HingeLossOptions {
  /** 1 by default. */
  margin?: number
  /** Over the rows; 'mean' by default. */
  reduction?: Reduction
}

/** Σ_{j≠y} max(0, s_j − s_y + margin) of each row of scores (N,C) or (C); Weston and Watkins 1999. */
export function hingeLoss<D extends FloatDType>(
  scores: Tensor<D>,
  target: Tensor<'int32'>,
  options: HingeLossOptions = {},
): Tensor<D> {
  const op = 'hingeLoss'
  const reduction = checkReduction(op, options)
  const margin = checkNumber(op, 'margin', options.margin ?? 1, -Number.MAX_VALUE)
  checkRows(op, scores, target)
  return local(() => reduced(sum(margins(scores, target, margin), { dim: -1 }), reduction))
}

export interface MultiMarginLossOptions<D extends FloatDType> extends HingeLossOptions {
  /** The margins' power, 1 (the default) or 2. */
  p?: number
  /** Of each class: (C). */
  weight?: Tensor<D> | null
}

/** Σ_{j≠y} weight_y max(0, s_j − s_y + margin)^p / C of each row of input (N,C) or (C), as in torch.nn.MultiMarginLoss. */
export function multiMarginLoss<D extends FloatDType>(
  input: Tensor<D>,
  target: Tensor<'int32'>,
  options: MultiMarginLossOptions<NoInfer<D>> = {},
): Tensor<D> {
  const op = 'multiMarginLoss'
  const reduction = checkReduction(op, options)
  const margin = checkNumber(op, 'margin', options.margin ?? 1, -Number.MAX_VALUE)
  const p = options.p ?? 1
  if (p !== 1 && p !== 2) throw new ArgumentError(`${op}: expected p to be 1 or 2, got ${shown(p)}`)
  checkRows(op, input, target)
  const classes = input.shape.at(-1) as number
  const weight = checkWeight(op, input, classes, options.weight)
  return local(() => {
    const terms = margins(input, target, margin)
    const losses = div(sum(p === 2 ? square(terms) : terms, { dim: -1 }), classes)
    return reduced(weight ? mul(losses, classWeights(weight, target)) : losses, reduction)
  })
}

function checkRows<D extends FloatDType>(operation: string, scores: Tensor<D>, target: Tensor<'int32'>): void {
  checkClasses(operation, 'input', scores, target)
  if (scores.ndim <= 2) return
  throw new ShapeError(`${operation}: expected input (N,C) or (C), got ${formatShape(scores.shape)}`)
}

// max(0, s_j − s_y + margin), and 0 where j = y; NaN where y is no class.
function margins<D extends FloatDType>(scores: Tensor<D>, target: Tensor<'int32'>, margin: number): Tensor<D> {
  const own = gather(scores, scores.ndim - 1, unsqueeze(target, -1))
  const hits = to(oneHot(target, scores.shape.at(-1) as number), 'bool')
  return where(hits, 0, relu(add(sub(scores, own), margin)))
}
