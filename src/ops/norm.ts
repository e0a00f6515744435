import { isRowMajor, sizeOf } from '../engine/layout.js'
import * as opcodes from '../engine/opcodes.js'
import { local } from '../engine/scope.js'
import { onceDifferentiable, record } from '../engine/tape.js'
import { ArgumentError, ShapeError } from '../errors.js'
import { allocate, type FloatDType, type FloatTensor, formatShape, sharedRuntime, type Tensor } from '../tensor.js'
import {
  checkBoolean,
  checkDim,
  checkFloat,
  checkInteger,
  checkNumber,
  checkOptions,
  checkSameDType,
  checkShape,
  checkValue,
} from './check.js'
import { abs, add, clamp, div, mul, pow, rsqrt, sqrt, square, sub } from './elementwise.js'
import { average } from './pool.js'
import { max, mean, sum } from './reduce.js'
import { channelsLast, contiguous, permute, reshape } from './view.js'

export interface BatchNormOptions<D extends FloatDType> {
  /** (C) */
  weight?: Tensor<D> | null
  /** (C) */
  bias?: Tensor<D> | null
  /** Normalise by the batch's statistics and update the running ones; default false. */
  training?: boolean
  /** Share of the batch in the running statistics; default 0.1. */
  momentum?: number
  /** Added to the variance; default 1e-5. */
  eps?: number
}

/**
 * (x − mean) / √(variance + eps) · weight + bias per channel of x (N,C,…); Ioffe and Szegedy 2015. In training the statistics
 * are the batch's and the running ones are updated in place, with the unbiased variance. Throws ShapeError for one value per
 * channel in training.
 */
export function batchNorm<D extends FloatDType>(
  x: Tensor<D>,
  runningMean: Tensor<D> | null,
  runningVar: Tensor<D> | null,
  options: BatchNormOptions<D> = {},
): Tensor<D> {
  const op = 'batchNorm'
  checkFloat(op, 'x', x)
  checkOptions(op, options)
  if (x.ndim < 2) throw new ShapeError(`${op}: expected x (N,C,…), got ${formatShape(x.shape)}`)
  const [n, c] = x.shape as [number, number]
  const { weight = null, bias = null } = options
  const training = checkBoolean(op, 'training', options.training, false)
  for (const [name, t] of Object.entries({ runningMean, runningVar, weight, bias })) {
    if (t !== null && t !== undefined) checkVector(op, name, x, t, [c])
  }
  const eps = checkNumber(op, 'eps', options.eps ?? 1e-5, 0)
  const momentum = checkNumber(op, 'momentum', options.momentum ?? 0.1, 0, 1)
  const count = sizeOf(x.shape) / Math.max(1, c)
  if (training && c > 0 && count <= 1) {
    throw new ShapeError(`${op}: expected more than 1 value per channel in training, got ${formatShape(x.shape)}`)
  }
  if (training ? !runningMean !== !runningVar : !runningMean || !runningVar) {
    throw new ArgumentError(
      `${op}: expected runningMean and runningVar${training ? ' together, or neither' : ' when not training'}, got ` +
        `${runningMean ? 'runningMean' : runningVar ? 'runningVar' : 'neither'}`,
    )
  }
  for (const t of [runningMean, runningVar]) {
    if (training && t && !isRowMajor(t.shape, t.strides)) {
      throw new ArgumentError(`${op}: expected running statistics without gaps in memory, got strides ${t.strides}`)
    }
  }
  return local(() => {
    const image = channelsLast(x.ndim === 4 ? x : reshape(x, [n, c, 1, sizeOf(x.shape.slice(2))]))
    const statistics =
      training || !runningMean || !runningVar
        ? batchStatistics(image, runningMean && runningVar ? [runningMean, runningVar] : [], eps, momentum)
        : [contiguous(runningMean.detach()), rsqrt(add(contiguous(runningVar.detach()), eps))]
    const [mean, rstd] = statistics as [Tensor<D>, Tensor<D>]
    return reshape(
      normalised(image, mean, rstd, weight && contiguous(weight), bias && contiguous(bias), training),
      x.shape,
    )
  })
}

function checkVector(op: string, name: string, x: FloatTensor, t: FloatTensor, shape: readonly number[]): void {
  checkFloat(op, name, t)
  checkSameDType(op, x, t)
  if (t.ndim === shape.length && t.shape.every((n, i) => n === shape[i])) return
  throw new ShapeError(
    `${op}: expected ${name} of shape ${formatShape(shape)} (input ${formatShape(x.shape)}), got ${formatShape(t.shape)}`,
  )
}

const rowsOf = (x: FloatTensor): { rows: number; c: number } => {
  const [n, c, h, w] = x.shape as [number, number, number, number]
  return { rows: n * h * w, c }
}

// Mean and 1/√(variance + eps) of the batch; updates the running statistics.
function batchStatistics<D extends FloatDType>(
  x: Tensor<D>,
  running: readonly Tensor<D>[],
  eps: number,
  momentum: number,
): [Tensor<D>, Tensor<D>] {
  const runtime = sharedRuntime('batchNorm', x, ...running)
  const { rows, c } = rowsOf(x)
  const [mean, rstd] = [allocate(x.dtype, [c], [1], runtime), allocate(x.dtype, [c], [1], runtime)]
  opcodes.batchNormStats(runtime.encode(), x.dtype, { mean, rstd, x, running, rows, c, eps, momentum })
  for (const t of running) t.storage.version++
  return [mean, rstd]
}

function normalised<D extends FloatDType>(
  x: Tensor<D>,
  mean: Tensor<D>,
  rstd: Tensor<D>,
  weight: Tensor<D> | null,
  bias: Tensor<D> | null,
  training: boolean,
): Tensor<D> {
  const runtime = sharedRuntime('batchNorm', x, mean, rstd, weight, bias)
  const sizes = rowsOf(x)
  const y = allocate(x.dtype, x.shape, x.strides, runtime)
  opcodes.batchNorm(runtime.encode(), x.dtype, { y, x, mean, rstd, weight, bias, ...sizes })
  const saved = weight ? [x, mean, rstd, weight] : [x, mean, rstd]
  return record('batchNorm', y, [x, weight, bias], saved, (dy, [x, mean, rstd, weight], needs) => {
    const image = x as Tensor<D>
    const made = (needed: boolean | undefined, shape: readonly number[], strides: readonly number[]) =>
      needed ? allocate(image.dtype, shape, strides, runtime) : null
    const dx = made(needs[0], image.shape, image.strides)
    const dweight = made(needs[1], [sizes.c], [1])
    const dbias = made(needs[2], [sizes.c], [1])
    opcodes.batchNormBackward(runtime.encode(), image.dtype, {
      ...{ dx, dweight, dbias, dy: channelsLast(dy as FloatTensor), x: image },
      ...{ mean: mean ?? null, rstd: rstd ?? null, weight: weight ?? null },
      ...{ ...sizes, training: Number(training) },
    })
    const once = (t: Tensor<D> | null) => t && onceDifferentiable('batchNorm', t, [dy, image, weight ?? null])
    return [once(dx), once(dweight), once(dbias)]
  })
}

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
  options: AffineOptions<D> = {},
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
    if (t !== null && t !== undefined) checkVector(op, name, x, t, shape)
  const eps = checkNumber(op, 'eps', options.eps ?? 1e-5, 0)
  const dims = shape.map((_, i) => first + i)
  return local(() => affine(standardised(x, dims, eps), weight, bias))
}

// (x − mean) / √(variance + eps) over dims
function standardised<D extends FloatDType>(x: Tensor<D>, dim: readonly number[], eps: number): Tensor<D> {
  const centred = sub(x, mean(x, { dim, keepdim: true }))
  return mul(centred, rsqrt(add(mean(square(centred), { dim, keepdim: true }), eps)))
}

function affine<D extends FloatDType>(x: Tensor<D>, weight: Tensor<D> | null, bias: Tensor<D> | null): Tensor<D> {
  const scaled = weight ? mul(x, weight) : x
  return bias ? add(scaled, bias) : scaled
}

/** (x − mean) / √(variance + eps) over each group of neighbouring channels of x (N,C,…), · weight (C) + bias (C); Wu and He 2018. */
export function groupNorm<D extends FloatDType>(
  x: Tensor<D>,
  numGroups: number,
  options: AffineOptions<D> = {},
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
    if (t !== null && t !== undefined) checkVector(op, name, x, t, [c])
  const eps = checkNumber(op, 'eps', options.eps ?? 1e-5, 0)
  const perChannel = [c, ...x.shape.slice(2).map(() => 1)]
  return local(() => {
    const grouped = reshape(x, [n, numGroups, (c / numGroups) * sizeOf(x.shape.slice(2))])
    const z = reshape(standardised(grouped, [2], eps), x.shape)
    return affine(z, weight && reshape(weight, perChannel), bias && reshape(bias, perChannel))
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
