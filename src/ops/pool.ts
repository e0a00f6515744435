import { channelsLast as channelsLastStrides } from '../engine/layout.js'
import * as opcodes from '../engine/opcodes.js'
import { onceDifferentiable, record } from '../engine/tape.js'
import { ArgumentError } from '../errors.js'
import { allocate, type FloatDType, type FloatTensor, formatShape, sharedRuntime, type Tensor } from '../tensor.js'
import { checkFloat, checkPair, checkRank } from './check.js'
import { outputSize, type Pair } from './conv.js'
import { channelsLast } from './view.js'

export interface MaxPool2dOptions {
  /** The kernel's size by default. */
  stride?: Pair
  /** At most half of the kernel; default 0. */
  padding?: Pair
  dilation?: Pair
  /** Rounds the output's size up instead of down: the last window may reach beyond the padding. */
  ceilMode?: boolean
}

// The most positions in a window that an index of one byte can tell apart.
const byteWindow = 254

/** The largest value of each window of x (N,C,H,W): (N,C,oH,oW); padding counts as -Inf, a NaN wins. */
export function maxPool2d<D extends FloatDType>(
  x: Tensor<D>,
  kernelSize: Pair,
  options: MaxPool2dOptions & { /** @internal ReLU in the same pass. */ relu?: boolean } = {},
): Tensor<D> {
  const op = 'maxPool2d'
  checkFloat(op, 'x', x)
  checkRank(op, 'x', x, 4, '(N,C,H,W)')
  const [kh, kw] = checkPair(op, 'kernelSize', kernelSize, 1)
  const [strideH, strideW] = checkPair(op, 'stride', options.stride ?? kernelSize, 1)
  const [padH, padW] = checkPair(op, 'padding', options.padding ?? 0, 0)
  const [dilH, dilW] = checkPair(op, 'dilation', options.dilation ?? 1, 1)
  if (padH > kh / 2 || padW > kw / 2) {
    throw new ArgumentError(`${op}: expected padding of at most half the kernel ${kh}×${kw}, got ${padH}×${padW}`)
  }
  const [n, c, ih, iw] = x.shape as [number, number, number, number]
  const shapes = `(input ${formatShape(x.shape)}, kernel ${kh}×${kw})`
  const ceil = options.ceilMode ?? false
  const oh = outputSize(op, ih, padH, dilH, kh, strideH, shapes, ceil)
  const ow = outputSize(op, iw, padW, dilW, kw, strideW, shapes, ceil)
  const g = { n, c, ih, iw, oh, ow, kh, kw, strideH, strideW, padH, padW, dilH, dilW }

  const image = channelsLast(x)
  const runtime = sharedRuntime(op, image)
  const shape = [n, c, oh, ow]
  const y = allocate(x.dtype, shape, channelsLastStrides(shape), runtime)
  const small = kh * kw <= byteWindow
  const index = allocate(small ? 'uint8' : 'int32', [y.size], [1], runtime)
  const indices = { index8: small ? index : null, index32: small ? null : index }
  opcodes.maxPool2d(runtime.encode(), x.dtype, { y, x: image, ...indices, ...g, relu: Number(options.relu ?? false) })
  const inputShape = x.shape
  record(op, y, [image], [index], (dy, [index]) => {
    const dx = allocate(dy.dtype, inputShape, channelsLastStrides(inputShape), runtime)
    const saved = { index8: small ? index : null, index32: small ? null : index }
    const dense = channelsLast(dy as FloatTensor)
    opcodes.maxPool2dBackward(runtime.encode(), dy.dtype, { dx, dy: dense, ...saved, ...g })
    return [onceDifferentiable(op, dx, [dy])]
  })
  index.dispose()
  if ((image as unknown) !== x) image.dispose()
  return y
}
