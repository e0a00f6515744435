// What the losses share: reductions, and the shapes of class targets and their weights.

import { sameShape } from '../engine/layout.js'
import { shown } from '../engine/shown.js'
import { ArgumentError, ShapeError } from '../errors.js'
import { type AnyTensor, type FloatDType, formatShape, type Tensor } from '../tensor.js'
import { broadcastShapes, checkDTypeIs, checkFloat, checkOptions, checkSameDType } from './check.js'
import { mean, sum } from './reduce.js'

export type Reduction = 'mean' | 'sum' | 'none'

/** In the order of the commands' numbers. */
export const reductions: readonly Reduction[] = ['none', 'mean', 'sum']

/** Throws unless options are an object whose reduction is one of the three, which it gives. */
export function checkReduction(operation: string, options: { reduction?: Reduction | null }): Reduction {
  checkOptions(operation, options)
  const reduction = options.reduction ?? 'mean'
  if (reductions.includes(reduction)) return reduction
  throw new ArgumentError(`${operation}: expected reduction to be 'mean', 'sum' or 'none', got ${shown(reduction)}`)
}

/** The losses of all elements, reduced. */
export const reduced = <D extends FloatDType>(losses: Tensor<D>, reduction: Reduction): Tensor<D> =>
  reduction === 'none' ? losses : reduction === 'sum' ? sum(losses) : mean(losses)

/** The shape of class targets for scores (N,C), (C) or (N,C,d…): (N), () or (N,d…); throws unless target has it. */
export function checkClasses(operation: string, name: string, scores: AnyTensor, target: AnyTensor): number[] {
  checkFloat(operation, name, scores)
  checkDTypeIs(operation, 'target', target, 'int32')
  if (scores.ndim === 0) throw new ShapeError(`${operation}: expected ${name} (N,C), got a scalar`)
  const expected = scores.ndim === 1 ? [] : scores.shape.filter((_, i) => i !== 1)
  if (target.ndim !== expected.length || target.shape.some((n, i) => n !== expected[i])) {
    throw new ShapeError(
      `${operation}: expected target of shape ${formatShape(expected)} for ${name} ${formatShape(scores.shape)}, got ${formatShape(target.shape)}`,
    )
  }
  return expected
}

/** Throws unless weight is absent or has one element of the scores' dtype for each class. */
export function checkWeight<D extends FloatDType>(
  operation: string,
  scores: Tensor<D>,
  classes: number,
  weight: Tensor<D> | null | undefined,
): Tensor<D> | null {
  if (weight === undefined || weight === null) return null
  checkFloat(operation, 'weight', weight)
  checkSameDType(operation, scores, weight)
  if (weight.ndim === 1 && weight.shape[0] === classes) return weight
  throw new ShapeError(`${operation}: expected weight of ${classes} elements, got ${formatShape(weight.shape)}`)
}

/** Throws unless input and target are floats of one dtype whose shapes broadcast together. */
export function checkBroadcastPair(operation: string, input: AnyTensor, target: AnyTensor): void {
  checkFloat(operation, 'input', input)
  checkFloat(operation, 'target', target)
  checkSameDType(operation, input, target)
  broadcastShapes(operation, input.shape, target.shape)
}

/** Throws unless input and target are floats of one dtype and shape. */
export function checkPairOfTensors(operation: string, input: AnyTensor, target: AnyTensor): void {
  checkFloat(operation, 'input', input)
  checkFloat(operation, 'target', target)
  checkSameDType(operation, input, target)
  if (sameShape(input.shape, target.shape)) return
  throw new ShapeError(
    `${operation}: expected target of the input's shape ${formatShape(input.shape)}, got ${formatShape(target.shape)}`,
  )
}
