// Convolutions, their gradients, and those of the gradients.
import { encodeDataGradientSum, takeDataGradient } from '../engine/fuse.js'
import { channelsLast as channelsLastStrides, isRowMajor, rowMajor, sameLayout } from '../engine/layout.js'
import * as opcodes from '../engine/opcodes.js'
import { isRecording, record } from '../engine/tape.js'
import {
  allocate,
  denseCopy,
  type FloatDType,
  type FloatTensor,
  formatShape,
  sharedRuntime,
  type Tensor,
} from '../tensor.js'
import { checkFloat, checkInteger, checkOptions, checkRank } from './check.js'
import { type Geometry, geometry, type NamedPadding, type Pair } from './conv-shape.js'
import { reluMask } from './elementwise.js'
import { onImages } from './images.js'
import { sum } from './reduce.js'
import { channelsLast, contiguous, unsqueeze } from './view.js'

export interface Conv2dOptions<D extends FloatDType> {
  /** (O) */
  bias?: Tensor<D> | null
  /** A number, or [height, width]; likewise for the others. Default 1. */
  stride?: Pair
  /** Zeros on each side, or 'same' (with stride 1 only) or 'valid'. Default 0. */
  padding?: Pair | NamedPadding
  dilation?: Pair
  groups?: number
}

export interface Conv1dOptions<D extends FloatDType> {
  /** (O) */
  bias?: Tensor<D> | null
  stride?: number
  /** Zeros on each side, or 'same' (with stride 1 only) or 'valid'. Default 0. */
  padding?: number | NamedPadding
  dilation?: number
  groups?: number
}

/**
 * Cross-correlation of x (N,C,H,W), or (C,H,W) for one image, with weight (O,C/groups,kH,kW): y (N,O,oH,oW), oH = ⌊(H + 2·padding − dilation·(kH−1) − 1)
 * / stride⌋ + 1. Kernels of 3×3 with stride 1 over 16 channels and more go by Winograd's F(4×4,3×3) (arXiv:1509.09308) in float32: sums round to about 1e-6
 * of the largest, and a value that is not finite reaches whole blocks of 4×4 outputs. Throws ShapeError when channels, groups or sizes do not fit.
 */
export function conv2d<D extends FloatDType>(
  x: Tensor<D>,
  weight: Tensor<NoInfer<D>>,
  options: Conv2dOptions<NoInfer<D>> & { /** @internal ReLU in the same pass. */ relu?: boolean } = {},
): Tensor<D> {
  const op = 'conv2d'
  checkOptions(op, options)
  return onImages(op, x, '(N,C,H,W)', (images) => {
    checkFloat(op, 'weight', weight)
    checkRank(op, 'weight', weight, 4, '(O,C/groups,kH,kW)')
    return convolve(op, images, weight, options, shapesOf(x, weight))
  })
}

/**
 * Cross-correlation of x (N,C,L) or (C,L) with weight (O,C/groups,k): y (N,O,oL), oL = ⌊(L + 2·padding − dilation·(k−1) − 1) / stride⌋ + 1.
 * Throws ShapeError when channels, groups or sizes do not fit.
 */
export function conv1d<D extends FloatDType>(
  x: Tensor<D>,
  weight: Tensor<NoInfer<D>>,
  options: Conv1dOptions<NoInfer<D>> = {},
): Tensor<D> {
  const op = 'conv1d'
  checkOptions(op, options)
  return onImages(op, x, '(N,C,L)', (images) => {
    checkFloat(op, 'weight', weight)
    checkRank(op, 'weight', weight, 3, '(O,C/groups,k)')
    const padding = options.padding ?? 0
    const across = {
      bias: options.bias ?? null,
      stride: [1, checkInteger(op, 'stride', options.stride ?? 1, 1)] as const,
      padding: typeof padding === 'string' ? padding : ([0, checkInteger(op, 'padding', padding, 0)] as const),
      dilation: [1, checkInteger(op, 'dilation', options.dilation ?? 1, 1)] as const,
      groups: options.groups ?? 1,
    }
    return convolve(op, images, unsqueeze(weight, 2), across, shapesOf(x, weight))
  })
}

const shapesOf = (x: FloatTensor, weight: FloatTensor): string =>
  `(input ${formatShape(x.shape)}, weight ${formatShape(weight.shape)})`

function convolve<D extends FloatDType>(
  op: string,
  x: Tensor<D>,
  weight: Tensor<D>,
  options: Conv2dOptions<D> & { relu?: boolean },
  shapes: string,
): Tensor<D> {
  const bias = options.bias ?? null
  const g = geometry(op, x, weight, bias, options, shapes)
  const image = channelsLast(x)
  const w = contiguous(weight)
  const relu = options.relu ?? false
  const y = forward(g, image, w, bias, relu)
  const saved = relu ? [image, w, y] : [image, w]
  record(op, y, [image, w, bias], saved, (dy, [image, w, y], needs) => {
    const dz = y ? reluMask(dy as FloatTensor, y as FloatTensor) : dy
    return backward(g, dz as FloatTensor, image as FloatTensor, w as FloatTensor, needs)
  })
  if ((image as unknown) !== x) image.dispose()
  return y
}

const noStatistics = { mean: null, rstd: null, running: [], eps: 0, momentum: 0 }

function forward<D extends FloatDType>(
  g: Geometry,
  x: Tensor<D>,
  w: Tensor<D>,
  bias: Tensor<D> | null,
  relu: boolean,
): Tensor<D> {
  const runtime = sharedRuntime('conv2d', x, w, bias)
  const shape = [g.n, g.oc, g.oh, g.ow]
  const y = allocate(x.dtype, shape, channelsLastStrides(shape), runtime)
  const b = bias && !isRowMajor(bias.shape, bias.strides) ? denseCopy(bias, [1]) : bias
  opcodes.conv2d(runtime.encode(), x.dtype, { y, x, w, bias: b, ...g, relu: Number(relu), ...noStatistics })
  if (b !== bias) b?.dispose()
  return y
}

function backward(
  g: Geometry,
  dy: FloatTensor,
  x: FloatTensor,
  w: FloatTensor,
  needs: readonly boolean[],
): (FloatTensor | null)[] {
  const dense = channelsLast(dy)
  // On the tape each gradient is an operation of its own; off it one command makes both of the parameters'.
  const [dw, dbias] = isRecording()
    ? [needs[1] ? weightGradient(g, x, dense) : null, needs[2] ? sum(dense, { dim: [0, 2, 3] }) : null]
    : parameterGradients(g, x, w, dense, needs)
  // The last, so that it can be joined to what else is x's gradient.
  return [needs[0] ? dataGradient(g, dense, w) : null, dw, dbias]
}

function parameterGradients(
  g: Geometry,
  x: FloatTensor,
  w: FloatTensor,
  dy: FloatTensor,
  needs: readonly boolean[],
): [FloatTensor | null, FloatTensor | null] {
  if (!needs[1] && !needs[2]) return [null, null]
  const runtime = sharedRuntime('conv2d', dy, x, w)
  const dw = needs[1] ? allocate(x.dtype, w.shape, rowMajor(w.shape), runtime) : null
  const dbias = needs[2] ? allocate(x.dtype, [g.oc], [1], runtime) : null
  opcodes.conv2dBackwardWeights(runtime.encode(), x.dtype, { dw, dbias, x, dy, ...g })
  return [dw, dbias]
}

/**
 * @internal Adds a tensor to a convolution's gradient to its data, in the command that makes it, if that has just been
 * encoded and nobody else holds it; tells whether.
 */
export function addToDataGradient(dx: FloatTensor, added: FloatTensor): boolean {
  if (dx.storage.shared || !sameLayout(dx.shape, dx.strides, added.strides)) return false
  const runtime = sharedRuntime('add', dx, added)
  const fields = takeDataGradient(runtime.writer, dx)
  if (fields) encodeDataGradientSum(runtime.encode(), dx.dtype, fields, added)
  return fields !== null
}

// The convolution, its gradient to the data and that to the weights are bilinear, and each other's gradients.

function convolution(g: Geometry, x: FloatTensor, w: FloatTensor): FloatTensor {
  const [image, kernel] = [channelsLast(x), contiguous(w)]
  return record(
    'conv2d',
    forward(g, image, kernel, null, false),
    [image, kernel],
    [image, kernel],
    (dy, [x, w], needs) => backward(g, dy as FloatTensor, x, w, needs),
  )
}

/** @internal The gradient of a convolution to its data, under the name of the operation that it is. */
export function dataGradient(g: Geometry, dy: FloatTensor, w: FloatTensor, op = 'conv2d (data gradient)'): FloatTensor {
  const [dense, kernel] = [channelsLast(dy), contiguous(w)]
  const runtime = sharedRuntime(op, dense, kernel)
  const shape = [g.n, g.ic, g.ih, g.iw]
  const dx = allocate(dy.dtype, shape, channelsLastStrides(shape), runtime)
  opcodes.conv2dBackwardData(runtime.encode(), dy.dtype, { dx, dy: dense, w: kernel, residual: null, ...g })
  return record(op, dx, [dense, kernel], [dense, kernel], (ddx, [dy, w], needs) => [
    needs[0] ? convolution(g, ddx as FloatTensor, w) : null,
    needs[1] ? weightGradient(g, ddx as FloatTensor, dy) : null,
  ])
}

function weightGradient(g: Geometry, x: FloatTensor, dy: FloatTensor): FloatTensor {
  const [image, dense] = [channelsLast(x), channelsLast(dy)]
  const runtime = sharedRuntime('conv2d', image, dense)
  const shape = [g.oc, g.ic / g.groups, g.kh, g.kw]
  const dw = allocate(x.dtype, shape, rowMajor(shape), runtime)
  opcodes.conv2dBackwardWeights(runtime.encode(), x.dtype, { dw, dbias: null, x: image, dy: dense, ...g })
  return record('conv2d (weight gradient)', dw, [image, dense], [image, dense], (ddw, [x, dy], needs) => [
    needs[0] ? dataGradient(g, dy, ddw as FloatTensor) : null,
    needs[1] ? convolution(g, x, ddw as FloatTensor) : null,
  ])
}
