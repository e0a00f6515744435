// Pooling layers; MaxPool2d is with the layers that Sequential fuses.
import { type AdaptiveSize, adaptiveAvgPool2d, adaptiveMaxPool2d, checkAdaptiveSize } from '../ops/adaptivepool.js'
import { checkInteger, checkPair } from '../ops/check.js'
import type { Pair } from '../ops/conv.js'
import {
  type AvgPool1dOptions,
  type AvgPool2dOptions,
  avgPool1d,
  avgPool2d,
  type MaxPool1dOptions,
  maxPool1d,
} from '../ops/pool.js'
import type { Tensor } from '../tensor.js'
import { Module } from './module.js'

/** The largest value of each window of x (N,C,L). */
export class MaxPool1d extends Module {
  constructor(
    readonly kernelSize: number,
    readonly options: MaxPool1dOptions = {},
  ) {
    super()
    checkInteger('MaxPool1d', 'kernelSize', kernelSize, 1)
  }

  forward(x: Tensor): Tensor {
    return maxPool1d(x, this.kernelSize, this.options)
  }
}

/** The mean of each window of x (N,C,L). */
export class AvgPool1d extends Module {
  constructor(
    readonly kernelSize: number,
    readonly options: AvgPool1dOptions = {},
  ) {
    super()
    checkInteger('AvgPool1d', 'kernelSize', kernelSize, 1)
  }

  forward(x: Tensor): Tensor {
    return avgPool1d(x, this.kernelSize, this.options)
  }
}

/** The mean of each window of x (N,C,H,W). */
export class AvgPool2d extends Module {
  constructor(
    readonly kernelSize: Pair,
    readonly options: AvgPool2dOptions = {},
  ) {
    super()
    checkPair('AvgPool2d', 'kernelSize', kernelSize, 1)
  }

  forward(x: Tensor): Tensor {
    return avgPool2d(x, this.kernelSize, this.options)
  }
}

/** adaptiveAvgPool2d as a module: means of x (N,C,H,W) over windows that give the output this size. */
export class AdaptiveAvgPool2d extends Module {
  constructor(readonly outputSize: AdaptiveSize) {
    super()
    checkAdaptiveSize('AdaptiveAvgPool2d', outputSize)
  }

  forward(x: Tensor): Tensor {
    return adaptiveAvgPool2d(x, this.outputSize)
  }
}

/** adaptiveMaxPool2d as a module: largest values of x (N,C,H,W) over windows that give the output this size. */
export class AdaptiveMaxPool2d extends Module {
  constructor(readonly outputSize: AdaptiveSize) {
    super()
    checkAdaptiveSize('AdaptiveMaxPool2d', outputSize)
  }

  forward(x: Tensor): Tensor {
    return adaptiveMaxPool2d(x, this.outputSize)
  }
}
