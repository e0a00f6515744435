import { ArgumentError } from '../errors.js'
import { checkInteger, checkPair } from '../ops/check.js'
import { conv2d, type Pair } from '../ops/conv.js'
import { empty } from '../ops/create.js'
import type { Tensor } from '../tensor.js'
import { fans, kaimingUniform_, uniform_ } from './init.js'
import { Module, parameter } from './module.js'

export interface Conv2dLayerOptions {
  stride?: Pair
  padding?: Pair
  dilation?: Pair
  groups?: number
  bias?: boolean
}

/** conv2d with weight (out,in/groups,kH,kW) and bias (out) that start as in PyTorch: U(±1/√(in/groups · kH · kW)). */
export class Conv2d extends Module {
  readonly weight: Tensor
  readonly bias: Tensor | null
  readonly stride: [number, number]
  readonly padding: [number, number]
  readonly dilation: [number, number]
  readonly groups: number

  constructor(
    readonly inChannels: number,
    readonly outChannels: number,
    kernelSize: Pair,
    options: Conv2dLayerOptions = {},
  ) {
    super()
    const kernel = checkPair('Conv2d', 'kernelSize', kernelSize, 1)
    checkInteger('Conv2d', 'inChannels', inChannels, 1)
    checkInteger('Conv2d', 'outChannels', outChannels, 1)
    this.stride = checkPair('Conv2d', 'stride', options.stride ?? 1, 1)
    this.padding = checkPair('Conv2d', 'padding', options.padding ?? 0, 0)
    this.dilation = checkPair('Conv2d', 'dilation', options.dilation ?? 1, 1)
    this.groups = checkInteger('Conv2d', 'groups', options.groups ?? 1, 1)
    if (inChannels % this.groups !== 0 || outChannels % this.groups !== 0) {
      throw new ArgumentError(
        `Conv2d: expected groups to divide inChannels and outChannels (${inChannels}, ${outChannels}), got ${this.groups}`,
      )
    }
    this.weight = parameter(
      kaimingUniform_(empty([outChannels, inChannels / this.groups, ...kernel]), { a: Math.sqrt(5) }),
    )
    const bound = 1 / Math.sqrt(fans(this.weight).fanIn)
    this.bias = (options.bias ?? true) ? parameter(uniform_(empty([outChannels]), -bound, bound)) : null
  }

  forward(x: Tensor): Tensor {
    return conv2d(x, this.weight, this)
  }

  /** @internal With the ReLU that follows in the same pass. */
  forwardRelu(x: Tensor): Tensor {
    const { bias, stride, padding, dilation, groups } = this
    return this.call(() => conv2d(x, this.weight, { bias, stride, padding, dilation, groups, relu: true }))
  }
}
