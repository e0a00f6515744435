// Batch normalisation.
import { encodeConv2dStatistics, takeConv2d } from '../engine/fuse.js'
import { isRowMajor, sizeOf } from '../engine/layout.js'
import * as opcodes from '../engine/opcodes.js'
import { local } from '../engine/scope.js'
import { isRecording, record } from '../engine/tape.js'
import { ArgumentError, ShapeError } from '../errors.js'
import { allocate, type FloatDType, type FloatTensor, formatShape, sharedRuntime, type Tensor } from '../tensor.js'
import { checkBoolean, checkFloat, checkNumber, checkOptions, checkShapeIs } from './check.js'
import { ge, le, where } from './compare.js'
import { add, mul, rsqrt, sub } from './elementwise.js'
import { add_ } from './inplace.js'
import { mean, sum } from './reduce.js'
import { centredAndScale } from './rownorm.js'
import { channelsLast, contiguous, reshape } from './view.js'

/** The least and the largest value that an activation lets through. */
export type Limits = readonly [number, number]
const unlimited: Limits = [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY]

type Pair<D extends FloatDType> = [Tensor<D>, Tensor<D>]

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
  runningMean: Tensor<NoInfer<D>> | null,
  runningVar: Tensor<NoInfer<D>> | null,
  options: BatchNormOptions<NoInfer<D>> & {
    /** @internal Limits of the result, in the same pass. */ limits?: Limits
    /** @internal Counter of batches, incremented before the command that a sum may join. */ batches?: Tensor<'int32'>
  } = {},
): Tensor<D> {
  const op = 'batchNorm'
  checkFloat(op, 'x', x)
  checkOptions(op, options)
  if (x.ndim < 2) throw new ShapeError(`${op}: expected x (N,C,…), got ${formatShape(x.shape)}`)
  const [n, c] = x.shape as [number, number]
  const { weight = null, bias = null } = options
  const training = checkBoolean(op, 'training', options.training, false)
  for (const [name, t] of Object.entries({ runningMean, runningVar, weight, bias })) {
    if (t !== null && t !== undefined) checkShapeIs(op, name, x, t, [c])
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
    if (options.batches) add_(options.batches, 1)
    const [mean, rstd] = statistics as [Tensor<D>, Tensor<D>]
    const [scale, shift] = [weight && contiguous(weight), bias && contiguous(bias)]
    const limits = options.limits ?? unlimited
    const y = normalised(image, mean, rstd, scale, shift, training ? eps : null, limits)
    return x.ndim === 4 ? y : reshape(y, x.shape)
  })
}

const rowsOf = (x: FloatTensor): { rows: number; c: number } => {
  const [n, c, h, w] = x.shape as [number, number, number, number]
  return { rows: n * h * w, c }
}

// Mean and 1/√(variance + eps) of the batch, by the convolution that makes x if that has just been encoded; updates the
// running statistics.
function batchStatistics<D extends FloatDType>(
  x: Tensor<D>,
  running: readonly Tensor<D>[],
  eps: number,
  momentum: number,
): [Tensor<D>, Tensor<D>] {
  const runtime = sharedRuntime('batchNorm', x, ...running)
  const { rows, c } = rowsOf(x)
  const conv = takeConv2d(runtime.writer, x)
  const [mean, rstd] = [allocate(x.dtype, [c], [1], runtime), allocate(x.dtype, [c], [1], runtime)]
  const statistics = { mean, rstd, running, eps, momentum }
  if (conv) encodeConv2dStatistics(runtime.encode(), x.dtype, conv, statistics)
  else opcodes.batchNormStats(runtime.encode(), x.dtype, { x, rows, c, ...statistics })
  for (const t of running) t.storage.version++
  return [mean, rstd]
}

// eps is null where the statistics are not x's own.
function normalised<D extends FloatDType>(
  x: Tensor<D>,
  mean: Tensor<D>,
  rstd: Tensor<D>,
  weight: Tensor<D> | null,
  bias: Tensor<D> | null,
  eps: number | null,
  limits: Limits,
): Tensor<D> {
  const runtime = sharedRuntime('batchNorm', x, mean, rstd, weight, bias)
  const sizes = { ...rowsOf(x), low: limits[0], high: limits[1] }
  const y = allocate(x.dtype, x.shape, x.strides, runtime)
  opcodes.batchNorm(runtime.encode(), x.dtype, { y, x, mean, rstd, weight, bias, ...sizes })
  // The bias tells where the limits were met.
  const shift = limits === unlimited ? null : bias
  const saved = [x, mean, rstd, ...(weight ? [weight] : []), ...(shift ? [shift] : [])]
  return record('batchNorm', y, [x, weight, bias], saved, (dy, saved, needs) => {
    const [image, mean, rstd] = saved as [Tensor<D>, Tensor<D>, Tensor<D>]
    const affine = { weight: weight ? (saved[3] as Tensor<D>) : null, bias: shift ? (saved.at(-1) as Tensor<D>) : null }
    if (isRecording()) return composedGradient(dy as Tensor<D>, image, [mean, rstd], affine, eps, limits)
    const made = (needed: boolean | undefined, shape: readonly number[], strides: readonly number[]) =>
      needed ? allocate(image.dtype, shape, strides, runtime) : null
    const dx = made(needs[0], image.shape, image.strides)
    const dweight = made(needs[1], [sizes.c], [1])
    const dbias = made(needs[2], [sizes.c], [1])
    opcodes.batchNormBackward(runtime.encode(), image.dtype, {
      ...{ dx, dweight, dbias, dy: channelsLast(dy as FloatTensor), x: image, mean, rstd },
      ...{ ...affine, ...sizes, training: Number(eps !== null) },
    })
    return [dx, dweight, dbias]
  })
}

// The same on the tape: the gradients to x, weight and bias.
function composedGradient<D extends FloatDType>(
  dy: Tensor<D>,
  x: Tensor<D>,
  statistics: Pair<D>,
  affine: { weight: Tensor<D> | null; bias: Tensor<D> | null },
  eps: number | null,
  limits: Limits,
): Tensor<D>[] {
  const dim = [0, 2, 3]
  const perChannel = (t: Tensor<D>) => reshape(t, [1, t.size, 1, 1])
  const [average, rstd] = statistics.map(perChannel) as Pair<D>
  const [centred, scale] = eps === null ? ([sub(x, average), rstd] as Pair<D>) : centredAndScale(x, dim, eps)
  const z = mul(centred, scale)
  const scaled = (t: Tensor<D>) => (affine.weight ? mul(t, perChannel(affine.weight)) : t)
  const through =
    limits === unlimited ? dy : withinLimits(dy, scaled(z), affine.bias && perChannel(affine.bias), limits)
  const dz = scaled(through)
  const over = { dim, keepdim: true }
  const across = eps === null ? dz : sub(sub(dz, mean(dz, over)), mul(z, mean(mul(dz, z), over)))
  return [mul(across, scale), sum(mul(through, z), { dim }), sum(through, { dim })]
}

// dy, but 0 where z + bias met a limit
function withinLimits<D extends FloatDType>(
  dy: Tensor<D>,
  z: Tensor<D>,
  bias: Tensor<D> | null,
  [low, high]: Limits,
): Tensor<D> {
  const y = bias ? add(z, bias) : z
  return where(le(y, low), 0, high === Number.POSITIVE_INFINITY ? dy : where(ge(y, high), 0, dy))
}
