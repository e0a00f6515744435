import { channelsLast as channelsLastStrides } from '../engine/layout.js'
import * as opcodes from '../engine/opcodes.js'
import { onceDifferentiable, record } from '../engine/tape.js'
import { ShapeError } from '../errors.js'
import { allocate, type FloatDType, type FloatTensor, formatShape, sharedRuntime, type Tensor } from '../tensor.js'
import { checkBoolean, checkFloat, checkOptions, checkPair, checkRank } from './check.js'
import { average } from './pool.js'
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
  checkFloat(op, 'x', x)
  checkRank(op, 'x', x, 4, '(N,C,H,W)')
  const [n, c, ih, iw] = x.shape as [number, number, number, number]
  const [oh, ow] = checkAdaptiveSize(op, outputSize)
  if (ih < 1 || iw < 1) throw new ShapeError(`${op}: expected an image of at least 1×1, got ${formatShape(x.shape)}`)
  return { n, c, ih, iw, oh: oh ?? ih, ow: ow ?? iw }
}

/** The means of x (N,C,H,W) over windows [⌊i·H/oH⌋, ⌈(i+1)·H/oH⌉) that give the output this size. */
export function adaptiveAvgPool2d<D extends FloatDType>(x: Tensor<D>, outputSize: AdaptiveSize): Tensor<D> {
  const op = 'adaptiveAvgPool2d'
  const windows = { kh: 1, kw: 1, strideH: 1, strideW: 1, padH: 0, padW: 0, includePad: 0, divisor: 0, adaptive: 1 }
  return average(op, x, { ...geometry(op, x, outputSize), ...windows })
}

/**
 * The largest values of x (N,C,H,W) over the windows of adaptiveAvgPool2d; with returnIndices also the position of each in its
 * plane of H·W, int32.
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
): Tensor<D> | [Tensor<D>, Tensor<'int32'>] {
  const op = 'adaptiveMaxPool2d'
  checkOptions(op, options)
  const returnIndices = checkBoolean(op, 'returnIndices', options.returnIndices, false)
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
    return [onceDifferentiable(op, dx, [dy])]
  })
  if ((image as unknown) !== x) image.dispose()
  if (returnIndices) return [y, index]
  index.dispose()
  return y
}
