import { channelsLast as channelsLastStrides } from '../engine/layout.js'
import * as opcodes from '../engine/opcodes.js'
import { local } from '../engine/scope.js'
import { record } from '../engine/tape.js'
import { ArgumentError } from '../errors.js'
import {
  type AnyTensor,
  allocate,
  type FloatDType,
  type FloatTensor,
  formatShape,
  sharedRuntime,
  type Tensor,
} from '../tensor.js'
import { checkBoolean, checkInteger, checkOptions, checkPair } from './check.js'
import { eq, where } from './compare.js'
import { outputSize, type Pair, type Windows } from './conv-shape.js'
import { to } from './convert.js'
import { arange } from './create.js'
import { add, div, mul, sub } from './elementwise.js'
import { onImages, type Pooled } from './images.js'
import { gatherPresent } from './indexing.js'
import { channelsLast, flatten, permute, reshape } from './view.js'

export interface MaxPool2dOptions {
  /** The kernel's size by default. */
  stride?: Pair
  /** At most half of the kernel; default 0. */
  padding?: Pair
  dilation?: Pair
  /** Rounds the output's size up instead of down: the last window may reach beyond the padding. */
  ceilMode?: boolean
}

export interface MaxPool1dOptions {
  /** The kernel's size by default. */
  stride?: number
  /** At most half of the kernel; default 0. */
  padding?: number
  dilation?: number
  /** Rounds the output's size up instead of down: the last window may reach beyond the padding. */
  ceilMode?: boolean
}

/** Positions of the maxima come too, as [y, indices]. */
type WithIndices = { returnIndices: true }

// The most positions in a window that an index of one byte can tell apart.
const byteWindow = 254

/** The numbers that the commands of a pooling share. */
interface Geometry extends Windows {
  c: number
}
interface Dilated extends Geometry {
  dilH: number
  dilW: number
}

/**
 * The largest value of each window of x (N,C,H,W) or (C,H,W): (N,C,oH,oW); padding counts as -Inf, a NaN wins. With returnIndices also the
 * position of each in its plane of H·W, int32.
 */
export function maxPool2d<D extends FloatDType>(
  x: Tensor<D>,
  kernelSize: Pair,
  options: MaxPool2dOptions & WithIndices,
): [Tensor<D>, Tensor<'int32'>]
export function maxPool2d<D extends FloatDType>(
  x: Tensor<D>,
  kernelSize: Pair,
  options?: MaxPool2dOptions & { returnIndices?: false /** @internal ReLU in the same pass. */; relu?: boolean },
): Tensor<D>
export function maxPool2d<D extends FloatDType>(
  x: Tensor<D>,
  kernelSize: Pair,
  options: MaxPool2dOptions & { returnIndices?: boolean; relu?: boolean } = {},
): Pooled<D> {
  const op = 'maxPool2d'
  checkOptions(op, options)
  const returnIndices = checkBoolean(op, 'returnIndices', options.returnIndices, false)
  return onImages(op, x, '(N,C,H,W)', (images) => {
    const g = maxGeometry(op, images, checkPair(op, 'kernelSize', kernelSize, 1), options, formatShape(x.shape))
    return largest(op, images, g, options.relu ?? false, returnIndices)
  })
}

/** The largest value of each window of x (N,C,L) or (C,L): (N,C,oL); as maxPool2d, indices being positions in L. */
export function maxPool1d<D extends FloatDType>(
  x: Tensor<D>,
  kernelSize: number,
  options: MaxPool1dOptions & WithIndices,
): [Tensor<D>, Tensor<'int32'>]
export function maxPool1d<D extends FloatDType>(
  x: Tensor<D>,
  kernelSize: number,
  options?: MaxPool1dOptions & { returnIndices?: false },
): Tensor<D>
export function maxPool1d<D extends FloatDType>(
  x: Tensor<D>,
  kernelSize: number,
  options: MaxPool1dOptions & { returnIndices?: boolean } = {},
): Pooled<D> {
  const op = 'maxPool1d'
  checkOptions(op, options)
  const returnIndices = checkBoolean(op, 'returnIndices', options.returnIndices, false)
  return onImages(op, x, '(N,C,L)', (images) => {
    const kernel: [number, number] = [1, checkInteger(op, 'kernelSize', kernelSize, 1)]
    const dilation = [1, checkInteger(op, 'dilation', options.dilation ?? 1, 1)] as const
    const across = { ...acrossLine(op, kernelSize, options), dilation }
    const g = maxGeometry(op, images, kernel, across, formatShape(x.shape))
    return largest(op, images, g, false, returnIndices)
  })
}

// The options of a pooling of images one pixel high.
function acrossLine(op: string, kernelSize: number, options: AvgPool1dOptions) {
  return {
    stride: [1, checkInteger(op, 'stride', options.stride ?? kernelSize, 1)] as const,
    padding: [0, checkInteger(op, 'padding', options.padding ?? 0, 0)] as const,
    ceilMode: options.ceilMode ?? false,
  }
}

function maxGeometry(
  op: string,
  x: FloatTensor,
  kernel: [number, number],
  options: MaxPool2dOptions,
  input: string,
): Dilated {
  const [dilH, dilW] = checkPair(op, 'dilation', options.dilation ?? 1, 1)
  return { ...geometry(op, x, kernel, options, input, dilH, dilW), dilH, dilW }
}

function geometry(
  op: string,
  x: FloatTensor,
  [kh, kw]: [number, number],
  options: MaxPool2dOptions,
  input: string,
  dilH = 1,
  dilW = 1,
): Geometry {
  const [strideH, strideW] = checkPair(op, 'stride', options.stride ?? [kh, kw], 1)
  const [padH, padW] = checkPair(op, 'padding', options.padding ?? 0, 0)
  if (padH > kh / 2 || padW > kw / 2) {
    throw new ArgumentError(`${op}: expected padding of at most half the kernel ${kh}×${kw}, got ${padH}×${padW}`)
  }
  const [n, c, ih, iw] = x.shape as [number, number, number, number]
  const shapes = `(input ${input}, kernel ${kh}×${kw})`
  const ceil = checkBoolean(op, 'ceilMode', options.ceilMode, false)
  const oh = outputSize(op, ih, padH, dilH, kh, strideH, shapes, ceil)
  const ow = outputSize(op, iw, padW, dilW, kw, strideW, shapes, ceil)
  return { n, c, ih, iw, oh, ow, kh, kw, strideH, strideW, padH, padW }
}

function largest<D extends FloatDType>(
  op: string,
  x: Tensor<D>,
  g: Dilated,
  relu: boolean,
  returnIndices: boolean,
): Pooled<D> {
  const image = channelsLast(x)
  const runtime = sharedRuntime(op, image)
  const shape = [g.n, g.c, g.oh, g.ow]
  const y = allocate(x.dtype, shape, channelsLastStrides(shape), runtime)
  const small = g.kh * g.kw <= byteWindow
  const index = allocate(small ? 'uint8' : 'int32', [y.size], [1], runtime)
  const indices = { index8: small ? index : null, index32: small ? null : index }
  opcodes.maxPool2d(runtime.encode(), x.dtype, { y, x: image, ...indices, ...g, relu: Number(relu) })
  const inputShape = x.shape
  record(op, y, [image], [index], (dy, [index]) => {
    const dx = allocate(dy.dtype, inputShape, channelsLastStrides(inputShape), runtime)
    const saved = { index8: small ? index : null, index32: small ? null : index }
    const dense = channelsLast(dy as FloatTensor)
    opcodes.maxPool2dBackward(runtime.encode(), dy.dtype, { dx, dy: dense, ...saved, ...g })
    return [record(op, dx, [dy], [index], (ddx, [index]) => [readPlanes(ddx, planePositions(index, g))])]
  })
  const positions = returnIndices ? local(() => planePositions(index, g)) : null
  index.dispose()
  if ((image as unknown) !== x) image.dispose()
  return positions ? [y, positions] : y
}

/** @internal x (N,C,H,W) at positions (N,C,oH,oW) of its planes, 0 at those below 0: the transpose of a max pooling's gradient. */
export const readPlanes = (x: AnyTensor, positions: Tensor<'int32'>): AnyTensor =>
  local(() => reshape(gatherPresent(flatten(x, 2), 2, flatten(positions, 2)), positions.shape))

// Positions in the plane of H·W from those in the window: all whole numbers below 2³¹, exact in double precision.
// Below 0 where the window has none.
function planePositions(index: Tensor<'uint8' | 'int32'>, g: Dilated): Tensor<'int32'> {
  const options = { dtype: 'float64' } as const
  const tap = reshape(to(index, 'float64'), [g.n, g.oh, g.ow, g.c])
  const row = to(to(div(tap, g.kw), 'int32'), 'float64')
  const column = sub(tap, mul(row, g.kw))
  const top = reshape(arange(0, g.oh, 1, options), [g.oh, 1, 1])
  const left = reshape(arange(0, g.ow, 1, options), [g.ow, 1])
  const y = add(mul(row, g.dilH), sub(mul(top, g.strideH), g.padH))
  const x = add(mul(column, g.dilW), sub(mul(left, g.strideW), g.padW))
  const none = index.dtype === 'uint8' ? 255 : -1
  return permute(to(where(eq(tap, none), -1, add(mul(y, g.iw), x)), 'int32'), [0, 3, 1, 2])
}

export interface AvgPool2dOptions {
  /** The kernel's size by default. */
  stride?: Pair
  /** At most half of the kernel; default 0. */
  padding?: Pair
  /** Rounds the output's size up instead of down: the last window may reach beyond the padding. */
  ceilMode?: boolean
  /** Counts the padding's zeros in the mean; default true. */
  countIncludePad?: boolean
  /** Divides the sums by this instead. */
  divisorOverride?: number | null
}

export interface AvgPool1dOptions {
  /** The kernel's size by default. */
  stride?: number
  /** At most half of the kernel; default 0. */
  padding?: number
  ceilMode?: boolean
  /** Counts the padding's zeros in the mean; default true. */
  countIncludePad?: boolean
}

/** The mean of each window of x (N,C,H,W) or (C,H,W): (N,C,oH,oW). */
export function avgPool2d<D extends FloatDType>(
  x: Tensor<D>,
  kernelSize: Pair,
  options: AvgPool2dOptions = {},
): Tensor<D> {
  const op = 'avgPool2d'
  checkOptions(op, options)
  const includePad = Number(checkBoolean(op, 'countIncludePad', options.countIncludePad, true))
  return onImages(op, x, '(N,C,H,W)', (images) => {
    const g = geometry(op, images, checkPair(op, 'kernelSize', kernelSize, 1), options, formatShape(x.shape))
    const divisor = checkInteger(op, 'divisorOverride', options.divisorOverride ?? 1, 1)
    return average(op, images, { ...g, includePad, divisor: options.divisorOverride ? divisor : 0, adaptive: 0 })
  })
}

/** The mean of each window of x (N,C,L) or (C,L): (N,C,oL). */
export function avgPool1d<D extends FloatDType>(
  x: Tensor<D>,
  kernelSize: number,
  options: AvgPool1dOptions = {},
): Tensor<D> {
  const op = 'avgPool1d'
  checkOptions(op, options)
  const includePad = Number(checkBoolean(op, 'countIncludePad', options.countIncludePad, true))
  return onImages(op, x, '(N,C,L)', (images) => {
    const kernel: [number, number] = [1, checkInteger(op, 'kernelSize', kernelSize, 1)]
    const g = geometry(op, images, kernel, acrossLine(op, kernelSize, options), formatShape(x.shape))
    return average(op, images, { ...g, includePad, divisor: 0, adaptive: 0 })
  })
}

/** @internal The command of every average pooling, with its gradient. */
export function average<D extends FloatDType>(
  op: string,
  x: Tensor<D>,
  g: Geometry & { includePad: number; divisor: number; adaptive: number },
): Tensor<D> {
  const image = channelsLast(x)
  const runtime = sharedRuntime(op, image)
  const shape = [g.n, g.c, g.oh, g.ow]
  const y = allocate(x.dtype, shape, channelsLastStrides(shape), runtime)
  opcodes.avgPool2d(runtime.encode(), x.dtype, { y, x: image, ...g })
  const inputShape = x.shape
  record(op, y, [image], [], (dy) => {
    const dx = allocate(dy.dtype, inputShape, channelsLastStrides(inputShape), runtime)
    opcodes.avgPool2dBackward(runtime.encode(), dy.dtype, { dx, dy: channelsLast(dy as FloatTensor), ...g })
    // Averaging is linear: the gradient's own gradient averages again.
    return [record(op, dx, [dy], [], (ddx) => [average(op, ddx, g)])]
  })
  if ((image as unknown) !== x) image.dispose()
  return y
}
