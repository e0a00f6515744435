// Normalisation layers.
import { ArgumentError, ShapeError } from '../errors.js'
import { batchNorm, type Limits } from '../ops/batchnorm.js'
import { checkBoolean, checkInteger, checkNumber, checkOptions, checkShape, checkTensor } from '../ops/check.js'
import { to } from '../ops/convert.js'
import { ones, zeros } from '../ops/create.js'
import { add, div, sub } from '../ops/elementwise.js'
import { groupNorm, layerNorm, localResponseNorm } from '../ops/norm.js'
import { formatShape, type Tensor } from '../tensor.js'
import { assign, Module, parameter } from './module.js'

export interface BatchNormLayerOptions {
  /** Added to the variance; default 1e-5. */
  eps?: number
  /** Share of each batch in the running statistics; null: their mean over all batches. Default 0.1. */
  momentum?: number | null
  /** Has a weight (1 at first) and a bias (0); default true. */
  affine?: boolean
  /** Keeps running statistics for evaluation; default true. */
  trackRunningStats?: boolean
}

/** What batch normalisation of lines and images shares. */
export abstract class BatchNorm extends Module {
  readonly weight: Tensor | null
  readonly bias: Tensor | null
  declare readonly running_mean: Tensor | null
  declare readonly running_var: Tensor | null
  declare readonly num_batches_tracked: Tensor<'int32'> | null
  readonly eps: number
  readonly momentum: number | null

  constructor(
    readonly numFeatures: number,
    options: BatchNormLayerOptions = {},
  ) {
    super()
    const { name } = new.target
    checkOptions(name, options)
    checkInteger(name, 'numFeatures', numFeatures, 0)
    this.eps = checkNumber(name, 'eps', options.eps ?? 1e-5, 0)
    const { momentum = 0.1 } = options
    this.momentum = momentum === null ? null : checkNumber(name, 'momentum', momentum, 0, 1)
    const affine = checkBoolean(name, 'affine', options.affine, true)
    this.weight = affine ? parameter(ones([numFeatures])) : null
    this.bias = affine ? parameter(zeros([numFeatures])) : null
    if (checkBoolean(name, 'trackRunningStats', options.trackRunningStats, true)) {
      this.registerBuffer('running_mean', zeros([numFeatures]))
      this.registerBuffer('running_var', ones([numFeatures]))
      this.registerBuffer('num_batches_tracked', zeros([], { dtype: 'int32' }))
    } else {
      Object.assign(this, { running_mean: null, running_var: null, num_batches_tracked: null })
    }
  }

  protected abstract checkInput(x: Tensor): void

  forward(x: Tensor): Tensor {
    return this.normalise(x, {})
  }

  /** @internal forward and an activation that limits its input, in one pass. */
  forwardLimited(x: Tensor, limits: Limits): Tensor {
    return this.normalise(x, { limits })
  }

  private normalise(x: Tensor, options: { limits?: Limits }): Tensor {
    this.checkInput(x)
    const { running_mean, running_var, num_batches_tracked, weight, bias, eps, momentum } = this
    const affine = { weight, bias, eps, ...options }
    if (!running_mean || !running_var || !num_batches_tracked) {
      return batchNorm(x, null, null, { ...affine, training: true })
    }
    if (!this.training) return batchNorm(x, running_mean, running_var, affine)
    const counted = { ...affine, training: true, batches: num_batches_tracked }
    if (momentum !== null) return batchNorm(x, running_mean, running_var, { ...counted, momentum })
    // mean += (batch's − mean) / batches
    const batch = [zeros([this.numFeatures]), zeros([this.numFeatures])] as const
    const y = batchNorm(x, ...batch, { ...counted, momentum: 1 })
    const count = to(num_batches_tracked, 'float32')
    assign(running_mean, add(running_mean, div(sub(batch[0], running_mean), count)))
    assign(running_var, add(running_var, div(sub(batch[1], running_var), count)))
    return y
  }
}

/** batchNorm of x (N,C) or (N,C,L), with PyTorch's buffers running_mean, running_var and num_batches_tracked. */
export class BatchNorm1d extends BatchNorm {
  protected checkInput(x: Tensor): void {
    checkTensor('BatchNorm1d', 'x', x)
    if (x.ndim === 2 || x.ndim === 3) return
    throw new ShapeError(`BatchNorm1d: expected x (N,C) or (N,C,L), got ${formatShape(x.shape)}`)
  }
}

/** batchNorm of x (N,C,H,W), with PyTorch's buffers running_mean, running_var and num_batches_tracked. */
export class BatchNorm2d extends BatchNorm {
  protected checkInput(x: Tensor): void {
    checkTensor('BatchNorm2d', 'x', x)
    if (x.ndim === 4) return
    throw new ShapeError(`BatchNorm2d: expected x (N,C,H,W), got ${formatShape(x.shape)}`)
  }
}

/** layerNorm with weight (1 at first) and bias (0) of normalizedShape. */
export class LayerNorm extends Module {
  readonly normalizedShape: readonly number[]
  readonly weight: Tensor | null
  readonly bias: Tensor | null
  readonly eps: number

  constructor(
    normalizedShape: number | readonly number[],
    options: { eps?: number; elementwiseAffine?: boolean; bias?: boolean } = {},
  ) {
    super()
    const shape = typeof normalizedShape === 'number' ? [normalizedShape] : normalizedShape
    checkOptions('LayerNorm', options)
    this.normalizedShape = checkShape('LayerNorm', shape)
    this.eps = checkNumber('LayerNorm', 'eps', options.eps ?? 1e-5, 0)
    const affine = checkBoolean('LayerNorm', 'elementwiseAffine', options.elementwiseAffine, true)
    const shifted = checkBoolean('LayerNorm', 'bias', options.bias, true)
    this.weight = affine ? parameter(ones(shape)) : null
    this.bias = affine && shifted ? parameter(zeros(shape)) : null
  }

  forward(x: Tensor): Tensor {
    return layerNorm(x, this.normalizedShape, this)
  }
}

/** groupNorm of x (N,C,…) with weight (1 at first) and bias (0) per channel. */
export class GroupNorm extends Module {
  readonly weight: Tensor | null
  readonly bias: Tensor | null
  readonly eps: number

  constructor(
    readonly numGroups: number,
    readonly numChannels: number,
    options: { eps?: number; affine?: boolean } = {},
  ) {
    super()
    checkOptions('GroupNorm', options)
    checkInteger('GroupNorm', 'numGroups', numGroups, 1)
    checkInteger('GroupNorm', 'numChannels', numChannels, 0)
    if (numChannels % numGroups !== 0) {
      throw new ArgumentError(`GroupNorm: expected numGroups to divide numChannels = ${numChannels}, got ${numGroups}`)
    }
    this.eps = checkNumber('GroupNorm', 'eps', options.eps ?? 1e-5, 0)
    const affine = checkBoolean('GroupNorm', 'affine', options.affine, true)
    this.weight = affine ? parameter(ones([numChannels])) : null
    this.bias = affine ? parameter(zeros([numChannels])) : null
  }

  forward(x: Tensor): Tensor {
    return groupNorm(x, this.numGroups, this)
  }
}

/** localResponseNorm over `size` neighbouring channels. */
export class LocalResponseNorm extends Module {
  constructor(
    readonly size: number,
    readonly options: { alpha?: number; beta?: number; k?: number } = {},
  ) {
    super()
    checkInteger('LocalResponseNorm', 'size', size, 1)
  }

  forward(x: Tensor): Tensor {
    return localResponseNorm(x, this.size, this.options)
  }
}
