import { channelsLast as channelsLastStrides } from '../engine/layout.js'
import * as opcodes from '../engine/opcodes.js'
import { record } from '../engine/tape.js'
import { ShapeError } from '../errors.js'
import { allocate, type FloatDType, type FloatTensor, formatShape, sharedRuntime, type Tensor } from '../tensor.js'
import { checkBoolean, checkInteger, checkOptions, checkPair } from './check.js'
import { onImages, type Pooled } from './images.js'
import { average, readPlanes } from './pool.js'
import { channelsLast } from './view.js'

/** Of the output: a number, or [height, width]; null keeps the input's. */
export type AdaptiveSize = number | readonly [number | null, number | null]

/** Throws ArgumentError unless it is a size; null stands in for what the input will say. */
export function checkAdaptiveSize(op: string, outputSize: AdaptiveSize): [number | null, number | null] {
  const given = Array.isArray(outputSize) ? outputSize.map((n) => n ?? 1) : outputSize
  const [oh, ow] = checkPair(op, 'outputSize', given as number, 1)
  const keeps = (i: number) => Array.isArray(outputSize) && outputSize[i] === null
  return [keeps(0) ? null : oh, keeps(1) ? null : ow]
}

function geometry(op: string, x: FloatTensor, outputSize: AdaptiveSize) {
  const [n, c, ih, iw] = x.shape as [number, number, number, number]
  const [oh, ow] = checkAdaptiveSize(op, outputSize)
  if (ih < 1 || iw < 1) throw new ShapeError(`${op}: expected an image of at least 1×1, got ${formatShape(x.shape)}`)
  return { n, c, ih, iw, oh: oh ?? ih, ow: ow ?? iw }
}

// Of a line: that of an image one pixel high.
const lineSize = (op: string, outputSize: number) => [1, checkInteger(op, 'outputSize', outputSize, 1)] as const

/**
 * The means of x (N,C,H,W) or (C,H,W) over windows [⌊i·H/oH⌋, ⌈(i+1)·H/oH⌉) that give the output this size; 1 is global
 * pooling.
 */
export function adaptiveAvgPool2d<D extends FloatDType>(x: Tensor<D>, outputSize: AdaptiveSize): Tensor<D> {
  const op = 'adaptiveAvgPool2d'
  return onImages(op, x, '(N,C,H,W)', (images) => means(op, images, outputSize))
}

/** As adaptiveAvgPool2d of x (N,C,L) or (C,L). */
export function adaptiveAvgPool1d<D extends FloatDType>(x: Tensor<D>, outputSize: number): Tensor<D> {
  const op = 'adaptiveAvgPool1d'
  return onImages(op, x, '(N,C,L)', (images) => means(op, images, lineSize(op, outputSize)))
}

function means<D extends FloatDType>(op: string, x: Tensor<D>, outputSize: AdaptiveSize): Tensor<D> {
  const windows = { kh: 1, kw: 1, strideH: 1, strideW: 1, padH: 0, padW: 0, includePad: 0, divisor: 0, adaptive: 1 }
  return average(op, x, { ...geometry(op, x, outputSize), ...windows })
}

/**
 * The largest values of x (N,C,H,W) or (C,H,W) over the windows of adaptiveAvgPool2d; with returnIndices also the position of
 * each in its plane of H·W, int32.
 */
export function adaptiveMaxPool2d<D extends FloatDType>(
  x: Tensor<D>,
  outputSize: AdaptiveSize,
  options: { returnIndices: true },
): [Tensor<D>, Tensor<'int32'>]
export function adaptiveMaxPool2d<D extends FloatDType>(
  x: Tensor<D>,
  outputSize: AdaptiveSize,
  options?: { returnIndices?: false },
): Tensor<D>
export function adaptiveMaxPool2d<D extends FloatDType>(
  x: Tensor<D>,
  outputSize: AdaptiveSize,
  options: { returnIndices?: boolean } = {},
): Pooled<D> {
  const op = 'adaptiveMaxPool2d'
  checkOptions(op, options)
  const returnIndices = checkBoolean(op, 'returnIndices', options.returnIndices, false)
  return onImages(op, x, '(N,C,H,W)', (images) => largest(op, images, outputSize, returnIndices))
}

/** As adaptiveMaxPool2d of x (N,C,L) or (C,L), indices being positions in L. */
export function adaptiveMaxPool1d<D extends FloatDType>(
  x: Tensor<D>,
  outputSize: number,
  options: { returnIndices: true },
): [Tensor<D>, Tensor<'int32'>]
export function adaptiveMaxPool1d<D extends FloatDType>(
  x: Tensor<D>,
  outputSize: number,
  options?: { returnIndices?: false },
): Tensor<D>
export function adaptiveMaxPool1d<D extends FloatDType>(
  x: Tensor<D>,
  outputSize: number,
  options: { returnIndices?: boolean } = {},
): Pooled<D> {
  const op = 'adaptiveMaxPool1d'
  checkOptions(op, options)
  const returnIndices = checkBoolean(op, 'returnIndices', options.returnIndices, false)
  const size = lineSize(op, outputSize)
  return onImages(op, x, '(N,C,L)', (images) => largest(op, images, size, returnIndices))
}

function largest<D extends FloatDType>(
  op: string,
  x: Tensor<D>,
  outputSize: AdaptiveSize,
  returnIndices: boolean,
): Pooled<D> {
  const g = geometry(op, x, outputSize)
  const image = channelsLast(x)
  const runtime = sharedRuntime(op, image)
  const shape = [g.n, g.c, g.oh, g.ow]
  const y = allocate(x.dtype, shape, channelsLastStrides(shape), runtime)
  const index = allocate('int32', shape, channelsLastStrides(shape), runtime)
  opcodes.adaptiveMaxPool2d(runtime.encode(), x.dtype, { y, index, x: image, ...g })
  const inputShape = x.shape
  record(op, y, [image], [index], (dy, [index]) => {
    const dx = allocate(dy.dtype, inputShape, channelsLastStrides(inputShape), runtime)
    opcodes.adaptiveMaxPool2dBackward(runtime.encode(), dy.dtype, {
      ...{ dx, dy: channelsLast(dy as FloatTensor), index, ...g },
    })
    return [record(op, dx, [dy], [index], (ddx, [index]) => [readPlanes(ddx, index)])]
  })
  if ((image as unknown) !== x) image.dispose()
  if (returnIndices) return [y, index]
  index.dispose()
  return y
}
