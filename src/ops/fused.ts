// Operations that are one command with the one before, off the tape; null where they are not.
import { encodeNormalSum, encodeReluOfSum, takeBatchNorm, takeNormalSum, takeSum } from '../engine/fuse.js'
import { sameLayout, sameShape, stridesFor } from '../engine/layout.js'
import { allocate, type DType, type FloatDType, sharedRuntime, type Tensor } from '../tensor.js'

/** max(0, x) in the pass that makes x, if that is a sum and has just been encoded. */
export function reluOfSum<D extends FloatDType>(x: Tensor<D>): Tensor<D> | null {
  const runtime = sharedRuntime('relu', x)
  const sum = takeSum(runtime.writer, x)
  const ofNormal = sum ? null : takeNormalSum(runtime.writer, x)
  if (!sum && !ofNormal) return null
  const y = allocate(x.dtype, x.shape, stridesFor(x.shape, [x]), runtime)
  if (sum) encodeReluOfSum(runtime.encode(), x, y, sum)
  if (ofNormal) encodeNormalSum(runtime.encode(), x.dtype, ofNormal, x, y)
  return y
}

/** a + b in the pass of the batch norm that one of them is, if that has just been encoded. */
export function sumWithNormal<D extends DType>(a: Tensor<D>, b: Tensor<D>): Tensor<D> | null {
  if (a.storage === b.storage || !sameShape(a.shape, b.shape) || !sameLayout(a.shape, a.strides, b.strides)) return null
  const runtime = sharedRuntime('add', a, b)
  const ofA = takeBatchNorm(runtime.writer, a)
  const norm = ofA ?? takeBatchNorm(runtime.writer, b)
  if (!norm) return null
  const sum = allocate(a.dtype, a.shape, stridesFor(a.shape, [a]), runtime)
  encodeNormalSum(runtime.encode(), a.dtype, { ...norm, residual: ofA ? b : a }, sum, null)
  return sum
}
