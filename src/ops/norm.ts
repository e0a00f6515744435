import { sizeOf } from '../engine/layout.js'
import { local } from '../engine/scope.js'
import { ShapeError } from '../errors.js'
import { type FloatDType, formatShape, type Tensor } from '../tensor.js'
import {
  checkDim,
  checkFloat,
  checkInteger,
  checkNumber,
  checkOptions,
  checkShape,
  checkShapeIs,
  checkValue,
} from './check.js'
import { clamp } from './clamp.js'
import { abs, add, div, mul, pow, sqrt, square } from './elementwise.js'
import { average } from './pool.js'
import { max, sum } from './reduce.js'
import { normalisedRows } from './rownorm.js'
import { contiguous, permute, reshape } from './view.js'

export interface AffineOptions<D extends FloatDType> {
  weight?: Tensor<D> | null
  bias?: Tensor<D> | null
  /** Added to the variance; default 1e-5. */
  eps?: number
}

/** (x − mean) / √(variance + eps) over the last dimensions, those of normalizedShape, · weight + bias of that shape; Ba et al. 2016. */
export function layerNorm<D extends FloatDType>(
  x: Tensor<D>,
  normalizedShape: number | readonly number[],
  options: AffineOptions<NoInfer<D>> = {},
): Tensor<D> {
  const op = 'layerNorm'
  checkFloat(op, 'x', x)
  checkOptions(op, options)
  const shape = checkShape(op, typeof normalizedShape === 'number' ? [normalizedShape] : normalizedShape)
  const first = x.ndim - shape.length
  if (shape.length === 0 || first < 0 || shape.some((n, i) => n !== x.shape[first + i])) {
    throw new ShapeError(
      `${op}: expected x to end in normalizedShape ${formatShape(shape)}, got ${formatShape(x.shape)}`,
    )
  }
  const { weight = null, bias = null } = options
  for (const [name, t] of Object.entries({ weight, bias }))
    if (t !== null && t !== undefined) checkShapeIs(op, name, x, t, shape)
  const eps = checkNumber(op, 'eps', options.eps ?? 1e-5, 0)
  const columns = sizeOf(shape)
  return local(() => {
    const rows = reshape(contiguous(x), [sizeOf(x.shape.slice(0, first)), columns])
    const flat = (t: Tensor<D> | null) => t && reshape(contiguous(t), [columns])
    return reshape(normalisedRows(op, rows, flat(weight), flat(bias), eps), x.shape)
  })
}

/** (x − mean) / √(variance + eps) over each group of neighbouring channels of x (N,C,…), · weight (C) + bias (C); Wu and He 2018. */
export function groupNorm<D extends FloatDType>(
  x: Tensor<D>,
  numGroups: number,
  options: AffineOptions<NoInfer<D>> = {},
): Tensor<D> {
  const op = 'groupNorm'
  checkFloat(op, 'x', x)
  checkOptions(op, options)
  checkInteger(op, 'numGroups', numGroups, 1)
  if (x.ndim < 2) throw new ShapeError(`${op}: expected x (N,C,…), got ${formatShape(x.shape)}`)
  const [n, c] = x.shape as [number, number]
  if (c % numGroups !== 0) {
    throw new ShapeError(
      `${op}: expected numGroups to divide the channels of ${formatShape(x.shape)}, got ${numGroups}`,
    )
  }
  const { weight = null, bias = null } = options
  for (const [name, t] of Object.entries({ weight, bias }))
    if (t !== null && t !== undefined) checkShapeIs(op, name, x, t, [c])
  const eps = checkNumber(op, 'eps', options.eps ?? 1e-5, 0)
  const perChannel = [c, ...x.shape.slice(2).map(() => 1)]
  return local(() => {
    const grouped = reshape(contiguous(x), [n * numGroups, (c / numGroups) * sizeOf(x.shape.slice(2))])
    const z = reshape(normalisedRows(op, grouped, null, null, eps), x.shape)
    const scaled = weight ? mul(z, reshape(weight, perChannel)) : z
    return bias ? add(scaled, reshape(bias, perChannel)) : scaled
  })
}

/**
 * x / (k + alpha · mean of x² over `size` neighbouring channels)^beta of x (N,C,…), channels beyond the ends counting as zero;
 * Krizhevsky et al. 2012.
 */
export function localResponseNorm<D extends FloatDType>(
  x: Tensor<D>,
  size: number,
  options: { alpha?: number; beta?: number; k?: number } = {},
): Tensor<D> {
  const op = 'localResponseNorm'
  checkFloat(op, 'x', x)
  checkOptions(op, options)
  checkInteger(op, 'size', size, 1)
  if (x.ndim < 3) throw new ShapeError(`${op}: expected x (N,C,…) of 3 or more dimensions, got ${formatShape(x.shape)}`)
  const alpha = checkValue(op, 'alpha', options.alpha ?? 1e-4)
  const beta = checkValue(op, 'beta', options.beta ?? 0.75)
  const k = checkValue(op, 'k', options.k ?? 1)
  const [n, c] = x.shape as [number, number]
  const pixels = sizeOf(x.shape.slice(2))
  return local(() => {
    // Pixels as channels: the pooling runs over the real channels as rows.
    const rows = permute(reshape(square(x), [n, c, pixels, 1]), [0, 2, 1, 3])
    const sums = average(op, rows, {
      ...{ n, c: pixels, ih: c, iw: 1, oh: c, ow: 1, kh: size, kw: 1, strideH: 1, strideW: 1 },
      ...{ padH: size >> 1, padW: 0, includePad: 1, divisor: size, adaptive: 0 },
    })
    const near = reshape(permute(sums, [0, 2, 1, 3]), x.shape)
    return div(x, pow(add(mul(near, alpha), k), beta))
  })
}

/** x / max(‖x‖ₚ, eps) along dim: 1 by default, p 2. */
export function normalize<D extends FloatDType>(
  x: Tensor<D>,
  options: { p?: number; dim?: number; eps?: number } = {},
): Tensor<D> {
  const op = 'normalize'
  checkFloat(op, 'x', x)
  checkOptions(op, options)
  const p = options.p ?? 2
  const dim = checkDim(op, options.dim ?? 1, x.ndim)
  const eps = checkNumber(op, 'eps', options.eps ?? 1e-12, 0)
  if (p !== Number.POSITIVE_INFINITY) checkNumber(op, 'p', p, Number.MIN_VALUE)
  const over = { dim, keepdim: true }
  return local(() => {
    // Clamped before the root, whose gradient at 0 is infinite.
    const least = eps ** p
    if (p === 1) return div(x, clamp(sum(abs(x), over), eps))
    if (p === 2) return div(x, sqrt(clamp(sum(square(x), over), least)))
    if (p === Number.POSITIVE_INFINITY) return div(x, clamp(max(abs(x), over), eps))
    return div(x, pow(clamp(sum(pow(abs(x), p), over), least), 1 / p))
  })
}
