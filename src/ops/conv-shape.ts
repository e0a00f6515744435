// The numbers of convolutions and poolings, and what they must meet.
import { maxSize } from '../engine/layout.js'
import { shown } from '../engine/shown.js'
import { ArgumentError, ShapeError } from '../errors.js'
import { type FloatDType, type FloatTensor, formatShape, type Tensor } from '../tensor.js'
import { checkFloat, checkInteger, checkPair, checkSameDType } from './check.js'

export type Pair = number | readonly [number, number]
/** 'valid': none; 'same': as much as keeps the size, the odd one after. */
export type NamedPadding = 'same' | 'valid'

/** @internal The numbers that the commands of convolutions and poolings share: images, and the windows over them. */
export interface Windows {
  n: number
  ih: number
  iw: number
  oh: number
  ow: number
  kh: number
  kw: number
  strideH: number
  strideW: number
  padH: number
  padW: number
}

/** @internal The numbers that the three commands of a convolution share. */
export interface Geometry extends Windows {
  ic: number
  oc: number
  dilH: number
  dilW: number
  groups: number
}

interface WindowOptions {
  stride?: Pair
  padding?: Pair | NamedPadding
  dilation?: Pair
  groups?: number
}

/** @internal The numbers of a convolution of x (N,C,H,W) with weight (O,C/groups,kH,kW); throws where they do not fit. */
export function geometry<D extends FloatDType>(
  op: string,
  x: Tensor<D>,
  weight: Tensor<D>,
  bias: Tensor<D> | null,
  options: WindowOptions,
  shapes: string,
): Geometry {
  checkSameDType(op, x, weight)
  const [strideH, strideW] = checkPair(op, 'stride', options.stride ?? 1, 1)
  const [dilH, dilW] = checkPair(op, 'dilation', options.dilation ?? 1, 1)
  const groups = checkInteger(op, 'groups', options.groups ?? 1, 1)
  const [n, ic, ih, iw] = x.shape as [number, number, number, number]
  const [oc, icg, kh, kw] = weight.shape as [number, number, number, number]
  if (ic !== icg * groups) {
    throw new ShapeError(
      `${op}: expected input channels to equal weight.shape[1] * groups = ${icg * groups}, got ${ic} ${shapes}`,
    )
  }
  if (oc % groups !== 0) {
    throw new ArgumentError(`${op}: expected groups to divide weight.shape[0] = ${oc}, got ${groups} ${shapes}`)
  }
  if (bias !== null) checkBias(op, x, bias, oc, 'weight.shape[0]')
  const sizes = { n, ic, ih, iw, oc, kh, kw, strideH, strideW, dilH, dilW, groups }
  if (checkPadding(op, options.padding, strideH, strideW) === 'same') {
    if (kh < 1 || kw < 1) throw new ShapeError(`${op}: expected a kernel of at least 1, got ${kh}×${kw} ${shapes}`)
    const [padH, padW] = [(dilH * (kh - 1)) / 2, (dilW * (kw - 1)) / 2].map(Math.floor) as [number, number]
    return checkPadded(op, { ...sizes, oh: ih, ow: iw, padH, padW })
  }
  const [padH, padW] =
    options.padding === 'valid' ? [0, 0] : checkPair(op, 'padding', (options.padding as Pair) ?? 0, 0)
  const oh = outputSize(op, ih, padH, dilH, kh, strideH, shapes)
  const ow = outputSize(op, iw, padW, dilW, kw, strideW, shapes)
  return checkPadded(op, { ...sizes, oh, ow, padH, padW })
}

/** @internal The geometry; throws unless the padded image is small enough for the engine's copy of it. */
export function checkPadded(op: string, g: Geometry): Geometry {
  const [h, w] = [g.ih + 2 * g.padH, g.iw + 2 * g.padW]
  if (g.ic * Math.max(h, g.dilH * (g.kh - 1)) * Math.max(w, g.dilW * (g.kw - 1)) > maxSize) {
    throw new ShapeError(`${op}: expected a padded image of at most ${maxSize} elements, got ${g.ic}×${h}×${w}`)
  }
  // A single place of the window takes no step, and kernels' copies grow with the stride.
  return { ...g, strideH: g.oh === 1 ? 1 : g.strideH, strideW: g.ow === 1 ? 1 : g.strideW }
}

/** Throws unless bias has one element for each output channel, and x's dtype; `from` says where their number came from. */
export function checkBias(op: string, x: FloatTensor, bias: FloatTensor, channels: number, from: string): void {
  checkFloat(op, 'bias', bias)
  checkSameDType(op, x, bias)
  if (bias.ndim === 1 && bias.shape[0] === channels) return
  throw new ShapeError(`${op}: expected bias of ${from} = ${channels} elements, got ${formatShape(bias.shape)}`)
}

/** Throws for a string other than 'same' (with stride 1) and 'valid'. */
export function checkPadding<P>(op: string, padding: P, ...strides: number[]): P {
  if (typeof padding !== 'string' || padding === 'valid') return padding
  if (padding !== 'same') {
    throw new ArgumentError(`${op}: expected padding to be numbers, 'same' or 'valid', got ${shown(padding)}`)
  }
  if (strides.every((s) => s === 1)) return padding
  throw new ArgumentError(`${op}: expected stride 1 with padding 'same', got ${strides.join('×')}`)
}

/** ⌊(size + 2·padding − dilation·(kernel−1) − 1) / stride⌋ + 1, or that rounded up; throws ShapeError if the window does not fit once. */
export function outputSize(
  operation: string,
  size: number,
  padding: number,
  dilation: number,
  kernel: number,
  stride: number,
  shapes: string,
  ceil = false,
): number {
  const room = size + 2 * padding
  const extent = dilation * (kernel - 1) + 1
  if (kernel >= 1 && extent <= room) {
    const steps = (room - extent) / stride
    if (!ceil) return Math.floor(steps) + 1
    // A window must begin inside the input or the padding before it.
    const windows = Math.ceil(steps) + 1
    return (windows - 1) * stride >= size + padding ? windows - 1 : windows
  }
  throw new ShapeError(
    `${operation}: expected a kernel of 1 to ${room} (the padded input), got ${kernel < 1 ? kernel : extent} ${shapes}`,
  )
}
