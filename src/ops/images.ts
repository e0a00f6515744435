// What convolution and pooling take: images or lines, in a batch or alone.
import { runScope } from '../engine/scope.js'
import { ShapeError } from '../errors.js'
import { type AnyTensor, type DType, type FloatDType, formatShape, type Tensor } from '../tensor.js'
import { checkFloat } from './check.js'
import { squeeze, unsqueeze } from './view.js'

/** A pooling's result, alone or with the positions of the maxima. */
export type Pooled<D extends FloatDType> = Tensor<D> | [Tensor<D>, Tensor<'int32'>]

const ranks = { '(N,C,H,W)': 4, '(N,C,L)': 3 } as const

const holds = (pooled: Pooled<FloatDType>, tensor: AnyTensor) =>
  Array.isArray(pooled) ? pooled.includes(tensor as never) : pooled === tensor

/**
 * fn of x as images (N,C,H,W), where x may be lines and may lack N; its results lose again what x lacked. Throws ShapeError
 * unless x has the layout, with N or without.
 */
export function onImages<D extends FloatDType, R extends Pooled<D>>(
  operation: string,
  x: Tensor<D>,
  layout: keyof typeof ranks,
  fn: (images: Tensor<D>) => R,
): R {
  checkFloat(operation, 'x', x)
  const rank = ranks[layout]
  if (x.ndim !== rank && x.ndim !== rank - 1) {
    throw new ShapeError(
      `${operation}: expected x ${layout} or ${layout.replace('N,', '')}, got ${formatShape(x.shape)}`,
    )
  }
  if (x.ndim === 4) return fn(x)
  const missing = [...(x.ndim < rank ? [0] : []), ...(rank === 3 ? [2] : [])]
  const stripped = <E extends DType>(t: Tensor<E>) => missing.toReversed().reduce((y, dim) => squeeze(y, dim), t)
  return runScope(() => {
    const result = fn(missing.reduce((t, dim) => unsqueeze(t, dim), x))
    return (Array.isArray(result) ? [stripped(result[0]), stripped(result[1])] : stripped(result as Tensor<D>)) as R
  }, holds)
}
