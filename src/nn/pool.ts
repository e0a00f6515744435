// Pooling layers. A batch may lack, as in PyTorch, its first dimension.
import {
  type AdaptiveSize,
  adaptiveAvgPool1d,
  adaptiveAvgPool2d,
  adaptiveMaxPool1d,
  adaptiveMaxPool2d,
  checkAdaptiveSize,
} from '../ops/adaptivepool.js'
import { checkInteger, checkPair } from '../ops/check.js'
import type { Pair } from '../ops/conv-shape.js'
import {
  type AvgPool1dOptions,
  type AvgPool2dOptions,
  avgPool1d,
  avgPool2d,
  type MaxPool1dOptions,
  type MaxPool2dOptions,
  maxPool1d,
  maxPool2d,
} from '../ops/pool.js'
import type { Tensor } from '../tensor.js'
import { Module } from './module.js'

interface Indices<I extends boolean> {
  /** Gives [y, positions of the maxima] instead of y. */
  returnIndices?: I
}
type Largest<I extends boolean> = I extends true ? [Tensor, Tensor<'int32'>] : Tensor

/** The largest value of each window of x (N,C,L). */
export class MaxPool1d<I extends boolean = false> extends Module {
  constructor(
    readonly kernelSize: number,
    readonly options: MaxPool1dOptions & Indices<I> = {},
  ) {
    super()
    checkInteger('MaxPool1d', 'kernelSize', kernelSize, 1)
  }

  forward(x: Tensor): Largest<I> {
    return maxPool1d(x, this.kernelSize, this.options as MaxPool1dOptions) as Largest<I>
  }
}

/** The largest value of each window of x (N,C,H,W). */
export class MaxPool2d<I extends boolean = false> extends Module {
  constructor(
    readonly kernelSize: Pair,
    readonly options: MaxPool2dOptions & Indices<I> = {},
  ) {
    super()
    checkPair('MaxPool2d', 'kernelSize', kernelSize, 1)
  }

  forward(x: Tensor): Largest<I> {
    return maxPool2d(x, this.kernelSize, this.options as MaxPool2dOptions) as Largest<I>
  }

  /** @internal With the ReLU before or after it in the same pass: both orders give the same. */
  forwardRelu(x: Tensor): Tensor {
    return this.call(() => maxPool2d(x, this.kernelSize, { ...(this.options as MaxPool2dOptions), relu: true }))
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

/** adaptiveAvgPool1d as a module: means of x (N,C,L) over windows that give the output this size. */
export class AdaptiveAvgPool1d extends Module {
  constructor(readonly outputSize: number) {
    super()
    checkInteger('AdaptiveAvgPool1d', 'outputSize', outputSize, 1)
  }

  forward(x: Tensor): Tensor {
    return adaptiveAvgPool1d(x, this.outputSize)
  }
}

/** adaptiveAvgPool2d as a module: means of x (N,C,H,W) over windows that give the output this size; 1 is global pooling. */
export class AdaptiveAvgPool2d extends Module {
  constructor(readonly outputSize: AdaptiveSize) {
    super()
    checkAdaptiveSize('AdaptiveAvgPool2d', outputSize)
  }

  forward(x: Tensor): Tensor {
    return adaptiveAvgPool2d(x, this.outputSize)
  }
}

/** adaptiveMaxPool1d as a module: largest values of x (N,C,L) over windows that give the output this size. */
export class AdaptiveMaxPool1d<I extends boolean = false> extends Module {
  constructor(
    readonly outputSize: number,
    readonly options: Indices<I> = {},
  ) {
    super()
    checkInteger('AdaptiveMaxPool1d', 'outputSize', outputSize, 1)
  }

  forward(x: Tensor): Largest<I> {
    return adaptiveMaxPool1d(x, this.outputSize, this.options as object) as Largest<I>
  }
}

/** adaptiveMaxPool2d as a module: largest values of x (N,C,H,W) over windows that give the output this size. */
export class AdaptiveMaxPool2d<I extends boolean = false> extends Module {
  constructor(
    readonly outputSize: AdaptiveSize,
    readonly options: Indices<I> = {},
  ) {
    super()
    checkAdaptiveSize('AdaptiveMaxPool2d', outputSize)
  }

  forward(x: Tensor): Largest<I> {
    return adaptiveMaxPool2d(x, this.outputSize, this.options as object) as Largest<I>
  }
}
