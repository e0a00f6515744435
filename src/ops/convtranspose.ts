import { local } from '../engine/scope.js'
import { ArgumentError, ShapeError } from '../errors.js'
import { type FloatDType, formatShape, type Tensor } from '../tensor.js'
import { checkFloat, checkInteger, checkOptions, checkPair, checkRank, checkSameDType } from './check.js'
import { dataGradient } from './conv.js'
import { checkBias, checkPadded, type Geometry, type Pair } from './conv-shape.js'
import { add } from './elementwise.js'
import { onImages } from './images.js'
import { reshape } from './view.js'

export interface ConvTranspose2dOptions<D extends FloatDType> {
  /** (O) */
  bias?: Tensor<D> | null
  stride?: Pair
  /** Taken off each side of the output. Default 0. */
  padding?: Pair
  /** Added to the output's size at the bottom and right; less than the stride or the dilation. Default 0. */
  outputPadding?: Pair
  groups?: number
  dilation?: Pair
}

const op = 'convTranspose2d'

/**
 * The gradient of a conv2d with respect to its input as an operation: x (N,I,H,W), or (I,H,W) for one image, and weight (I,O/groups,kH,kW) give
 * (N,O,oH,oW), oH = (H − 1)·stride − 2·padding + dilation·(kH−1) + outputPadding + 1. Throws ShapeError and ArgumentError.
 */
export function convTranspose2d<D extends FloatDType>(
  x: Tensor<D>,
  weight: Tensor<NoInfer<D>>,
  options: ConvTranspose2dOptions<NoInfer<D>> = {},
): Tensor<D> {
  checkOptions(op, options)
  const bias = options.bias ?? null
  return onImages(op, x, '(N,C,H,W)', (images) => {
    const g = geometry(images, weight, options, formatShape(x.shape))
    if (bias !== null) checkBias(op, x, bias, g.ic, 'weight.shape[1] * groups')
    return local(() => {
      const y = dataGradient(g, images, weight, op) as Tensor<D>
      return bias ? add(y, reshape(bias, [1, g.ic, 1, 1])) : y
    })
  })
}

// That of the convolution whose gradient this is: its input is our output.
function geometry<D extends FloatDType>(
  x: Tensor<D>,
  weight: Tensor<D>,
  options: ConvTranspose2dOptions<D>,
  input: string,
): Geometry {
  checkFloat(op, 'weight', weight)
  checkSameDType(op, x, weight)
  checkRank(op, 'weight', weight, 4, '(I,O/groups,kH,kW)')
  const [strideH, strideW] = checkPair(op, 'stride', options.stride ?? 1, 1)
  const [padH, padW] = checkPair(op, 'padding', options.padding ?? 0, 0)
  const [moreH, moreW] = checkPair(op, 'outputPadding', options.outputPadding ?? 0, 0)
  const [dilH, dilW] = checkPair(op, 'dilation', options.dilation ?? 1, 1)
  const groups = checkInteger(op, 'groups', options.groups ?? 1, 1)
  const [n, oc, oh, ow] = x.shape as [number, number, number, number]
  const [inputs, icg, kh, kw] = weight.shape as [number, number, number, number]
  const shapes = `(input ${input}, weight ${formatShape(weight.shape)})`
  if (oc !== inputs) {
    throw new ShapeError(`${op}: expected input channels to equal weight.shape[0] = ${inputs}, got ${oc} ${shapes}`)
  }
  if (oc % groups !== 0) {
    throw new ArgumentError(`${op}: expected groups to divide weight.shape[0] = ${oc}, got ${groups} ${shapes}`)
  }
  if (moreH >= Math.max(strideH, dilH) || moreW >= Math.max(strideW, dilW)) {
    throw new ArgumentError(
      `${op}: expected outputPadding below the stride ${strideH}×${strideW} or the dilation ${dilH}×${dilW}, got ${moreH}×${moreW}`,
    )
  }
  const ih = (oh - 1) * strideH - 2 * padH + dilH * (kh - 1) + moreH + 1
  const iw = (ow - 1) * strideW - 2 * padW + dilW * (kw - 1) + moreW + 1
  if (Math.min(oh, ow, kh, kw, ih, iw) < 1) {
    throw new ShapeError(`${op}: expected sizes and an output of at least 1×1, got an output of ${ih}×${iw} ${shapes}`)
  }
  const ic = icg * groups
  return checkPadded(op, { n, ic, ih, iw, oc, oh, ow, kh, kw, strideH, strideW, padH, padW, dilH, dilW, groups })
}
