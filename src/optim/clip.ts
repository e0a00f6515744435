import { isDense, rowMajor } from '../engine/layout.js'
import * as opcodes from '../engine/opcodes.js'
import { DTypeError } from '../errors.js'
import { checkNumber, checkOptions, checkTensor } from '../ops/check.js'
import { type AnyTensor, allocate, denseCopy, type FloatTensor, sharedRuntime, Tensor } from '../tensor.js'
import { checkIterable } from './optimizer.js'

export interface ClipGradNormOptions {
  /** The p of the norm; Infinity for the largest magnitude. */
  normType?: number
}

/**
 * Scales all gradients, in place, by maxNorm / norm where the norm of them all as one vector is above maxNorm; gives that
 * norm. Pascanu et al. 2013.
 */
export function clipGradNorm(
  params: Iterable<AnyTensor> | AnyTensor,
  maxNorm: number,
  options: ClipGradNormOptions = {},
): Tensor {
  checkOptions('clipGradNorm', options)
  checkNumber('clipGradNorm', 'maxNorm', maxNorm, 0, Number.POSITIVE_INFINITY)
  const normType = checkNumber(
    'clipGradNorm',
    'normType',
    options.normType ?? 2,
    Number.MIN_VALUE,
    Number.POSITIVE_INFINITY,
  )
  const tensors = gradientsOf('clipGradNorm', params)
  const dtype = tensors[0]?.dtype ?? 'float32'
  const runtime = sharedRuntime('clipGradNorm', ...tensors)
  const norm = allocate(dtype, [], [], runtime)
  const sizes = tensors.map((t) => t.size)
  opcodes.clipNorm(runtime.encode(), dtype, { norm, tensors, maxNorm, normType, sizes })
  for (const t of tensors) t.storage.version++
  return norm as Tensor
}

/** Brings every element of the gradients, in place, into [−value, value]. */
export function clipGradValue(params: Iterable<AnyTensor> | AnyTensor, value: number): void {
  checkNumber('clipGradValue', 'clipValue', value, 0, Number.POSITIVE_INFINITY)
  const tensors = gradientsOf('clipGradValue', params)
  const runtime = sharedRuntime('clipGradValue', ...tensors)
  if (tensors.length === 0) return
  const dtype = (tensors[0] as FloatTensor).dtype
  opcodes.clipValue(runtime.encode(), dtype, { tensors, value, sizes: tensors.map((t) => t.size) })
  for (const t of tensors) t.storage.version++
}

// The gradients that there are, each dense.
function gradientsOf(operation: string, params: Iterable<AnyTensor> | AnyTensor): FloatTensor[] {
  const gradients: FloatTensor[] = []
  if (!(params instanceof Tensor)) checkIterable(operation, params)
  for (const p of params instanceof Tensor ? [params] : params) {
    checkTensor(operation, 'every parameter', p)
    const gradient = p.ownGrad as FloatTensor | null
    if (!gradient) continue
    const { dtype } = gradients[0] ?? gradient
    if (gradient.dtype !== dtype) {
      throw new DTypeError(`${operation}: expected gradients of one dtype, got ${dtype} and ${gradient.dtype}`)
    }
    if (!isDense(gradient.shape, gradient.strides)) p.grad = denseCopy(gradient, rowMajor(gradient.shape))
    gradients.push(p.ownGrad as FloatTensor)
  }
  return gradients
}
