import { ArgumentError } from '../errors.js'
import { checkBoolean, checkInteger, checkOptions, checkPair } from '../ops/check.js'
import { conv1d, conv2d } from '../ops/conv.js'
import { checkPadding, type NamedPadding, type Pair } from '../ops/conv-shape.js'
import { convTranspose2d } from '../ops/convtranspose.js'
import { empty } from '../ops/create.js'
import { onImages } from '../ops/images.js'
import { pad } from '../ops/rearrange.js'
import type { Tensor } from '../tensor.js'
import { fans, kaimingUniform_, uniform_ } from './init.js'
import { Module, parameter } from './module.js'

/** What lies around the input: zeros, or as pad's mode of the same name fills it. */
export type PaddingMode = 'zeros' | 'reflect' | 'replicate' | 'circular'

export interface Conv1dLayerOptions {
  stride?: number
  padding?: number | NamedPadding
  dilation?: number
  groups?: number
  bias?: boolean
  paddingMode?: PaddingMode
}

export interface Conv2dLayerOptions {
  stride?: Pair
  padding?: Pair | NamedPadding
  dilation?: Pair
  groups?: number
  bias?: boolean
  paddingMode?: PaddingMode
}

export interface ConvTranspose2dLayerOptions {
  stride?: Pair
  padding?: Pair
  outputPadding?: Pair
  groups?: number
  bias?: boolean
  dilation?: Pair
}

function checkChannels(name: string, inChannels: number, outChannels: number, given?: number | null): number {
  const groups = given ?? 1
  checkInteger(name, 'inChannels', inChannels, 1)
  checkInteger(name, 'outChannels', outChannels, 1)
  checkInteger(name, 'groups', groups, 1)
  if (inChannels % groups === 0 && outChannels % groups === 0) return groups
  throw new ArgumentError(
    `${name}: expected groups to divide inChannels and outChannels (${inChannels}, ${outChannels}), got ${groups}`,
  )
}

// As in PyTorch: U(±1/√(weight.shape[1] · kernel)), both.
const initialWeight = (shape: readonly number[]): Tensor =>
  parameter(kaimingUniform_(empty(shape), { a: Math.sqrt(5) }))

function initialBias(weight: Tensor, channels: number, wanted: boolean): Tensor | null {
  const bound = 1 / Math.sqrt(fans(weight).fanIn)
  return wanted ? parameter(uniform_(empty([channels]), -bound, bound)) : null
}

function checkPaddingMode(name: string, mode: PaddingMode = 'zeros'): PaddingMode {
  if (['zeros', 'reflect', 'replicate', 'circular'].includes(mode)) return mode
  throw new ArgumentError(
    `${name}: expected paddingMode 'zeros', 'reflect', 'replicate' or 'circular', got ${JSON.stringify(mode)}`,
  )
}

interface Padded {
  readonly weight: Tensor
  readonly padding: number | readonly number[] | NamedPadding
  readonly dilation: number | readonly number[]
  readonly paddingMode: PaddingMode
}

// x with what the layer's paddingMode puts around it; the convolution itself then pads nothing.
function padded(operation: 'conv1d' | 'conv2d', x: Tensor, layer: Padded): Tensor {
  const { weight, padding, dilation, paddingMode } = layer
  const pads = weight.shape.slice(2).flatMap((kernel, i) => {
    const of = (value: number | readonly number[]) => (typeof value === 'number' ? value : (value[i] as number))
    if (padding === 'valid') return [0, 0]
    if (padding !== 'same') return [of(padding), of(padding)]
    const total = of(dilation) * (kernel - 1)
    return [total >> 1, total - (total >> 1)]
  })
  // pad begins with the last dimension.
  const pairs = pads.length === 4 ? [pads[2], pads[3], pads[0], pads[1]] : pads
  return onImages(operation, x, operation === 'conv1d' ? '(N,C,L)' : '(N,C,H,W)', (images) =>
    pad(images, pairs as number[], { mode: paddingMode as 'reflect' }),
  )
}

/** conv1d with weight (out,in/groups,k) and bias (out) that start as in PyTorch: U(±1/√(in/groups · k)). */
export class Conv1d extends Module {
  readonly weight: Tensor
  readonly bias: Tensor | null
  readonly stride: number
  readonly padding: number | NamedPadding
  readonly dilation: number
  readonly groups: number
  readonly paddingMode: PaddingMode

  constructor(
    readonly inChannels: number,
    readonly outChannels: number,
    kernelSize: number,
    options: Conv1dLayerOptions = {},
  ) {
    super()
    checkOptions('Conv1d', options)
    const padding = options.padding ?? 0
    this.paddingMode = checkPaddingMode('Conv1d', options.paddingMode)
    const bias = checkBoolean('Conv1d', 'bias', options.bias, true)
    this.groups = checkChannels('Conv1d', inChannels, outChannels, options.groups)
    this.stride = checkInteger('Conv1d', 'stride', options.stride ?? 1, 1)
    checkPadding('Conv1d', padding, this.stride)
    this.padding = typeof padding === 'string' ? padding : checkInteger('Conv1d', 'padding', padding, 0)
    this.dilation = checkInteger('Conv1d', 'dilation', options.dilation ?? 1, 1)
    const kernel = checkInteger('Conv1d', 'kernelSize', kernelSize, 1)
    this.weight = initialWeight([outChannels, inChannels / this.groups, kernel])
    this.bias = initialBias(this.weight, outChannels, bias)
  }

  forward(x: Tensor): Tensor {
    if (this.paddingMode === 'zeros') return conv1d(x, this.weight, this)
    const { bias, stride, dilation, groups } = this
    return conv1d(padded('conv1d', x, this), this.weight, { bias, stride, dilation, groups })
  }
}

/** conv2d with weight (out,in/groups,kH,kW) and bias (out) that start as in PyTorch: U(±1/√(in/groups · kH · kW)). */
export class Conv2d extends Module {
  readonly weight: Tensor
  readonly bias: Tensor | null
  readonly stride: [number, number]
  readonly padding: [number, number] | NamedPadding
  readonly dilation: [number, number]
  readonly groups: number
  readonly paddingMode: PaddingMode

  constructor(
    readonly inChannels: number,
    readonly outChannels: number,
    kernelSize: Pair,
    options: Conv2dLayerOptions = {},
  ) {
    super()
    checkOptions('Conv2d', options)
    const padding = options.padding ?? 0
    this.paddingMode = checkPaddingMode('Conv2d', options.paddingMode)
    const kernel = checkPair('Conv2d', 'kernelSize', kernelSize, 1)
    const bias = checkBoolean('Conv2d', 'bias', options.bias, true)
    this.groups = checkChannels('Conv2d', inChannels, outChannels, options.groups)
    this.stride = checkPair('Conv2d', 'stride', options.stride ?? 1, 1)
    checkPadding('Conv2d', padding, ...this.stride)
    this.padding = typeof padding === 'string' ? padding : checkPair('Conv2d', 'padding', padding, 0)
    this.dilation = checkPair('Conv2d', 'dilation', options.dilation ?? 1, 1)
    this.weight = initialWeight([outChannels, inChannels / this.groups, ...kernel])
    this.bias = initialBias(this.weight, outChannels, bias)
  }

  forward(x: Tensor): Tensor {
    return this.convolve(x, false)
  }

  /** @internal With the ReLU that follows in the same pass. */
  forwardRelu(x: Tensor): Tensor {
    return this.call(() => this.convolve(x, true))
  }

  private convolve(x: Tensor, relu: boolean): Tensor {
    const { bias, stride, padding, dilation, groups } = this
    const options = { bias, stride, dilation, groups, relu }
    if (this.paddingMode === 'zeros') return conv2d(x, this.weight, { ...options, padding })
    return conv2d(padded('conv2d', x, this), this.weight, options)
  }
}

/** convTranspose2d with weight (in,out/groups,kH,kW) and bias (out) that start as in PyTorch: U(±1/√(out/groups · kH · kW)). */
export class ConvTranspose2d extends Module {
  readonly weight: Tensor
  readonly bias: Tensor | null
  readonly stride: [number, number]
  readonly padding: [number, number]
  readonly outputPadding: [number, number]
  readonly dilation: [number, number]
  readonly groups: number

  constructor(
    readonly inChannels: number,
    readonly outChannels: number,
    kernelSize: Pair,
    options: ConvTranspose2dLayerOptions = {},
  ) {
    super()
    const name = 'ConvTranspose2d'
    checkOptions(name, options)
    const kernel = checkPair(name, 'kernelSize', kernelSize, 1)
    const bias = checkBoolean(name, 'bias', options.bias, true)
    this.groups = checkChannels(name, inChannels, outChannels, options.groups)
    this.stride = checkPair(name, 'stride', options.stride ?? 1, 1)
    this.padding = checkPair(name, 'padding', options.padding ?? 0, 0)
    this.outputPadding = checkPair(name, 'outputPadding', options.outputPadding ?? 0, 0)
    this.dilation = checkPair(name, 'dilation', options.dilation ?? 1, 1)
    this.weight = initialWeight([inChannels, outChannels / this.groups, ...kernel])
    this.bias = initialBias(this.weight, outChannels, bias)
  }

  forward(x: Tensor): Tensor {
    return convTranspose2d(x, this.weight, this)
  }
}
