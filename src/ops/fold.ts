// Reductions of integers and bools, which no kernel has: halves of x are combined until one is left.
import { isFloat } from '../engine/dtype.js'
import { sizeOf } from '../engine/layout.js'
import type { Binary } from '../engine/opcodes.js'
import { local } from '../engine/scope.js'
import { ShapeError } from '../errors.js'
import { type AnyTensor, type DType, type FloatDType, formatShape, Tensor } from '../tensor.js'
import { checkReduction, checkTensor } from './check.js'
import { to } from './convert.js'
import { full } from './create.js'
import { binaryKernel } from './elementwise.js'
import type { ReduceOptions } from './reduce.js'
import { concat, narrow, permute, reshape } from './view.js'

type WholeKind = (typeof Binary)['add' | 'mul' | 'maximum' | 'minimum']

/** What is not a float. */
export type Whole = Exclude<DType, FloatDType>
export const isWhole = (x: AnyTensor): x is Tensor<Whole> => x instanceof Tensor && !isFloat(x.dtype)

/** A reduction of integers or bools, in this dtype; off the tape, as they have no gradient. */
export function foldWhole(
  name: 'sum' | 'prod' | 'max' | 'min',
  kind: WholeKind,
  x: AnyTensor,
  dtype: DType,
  options: ReduceOptions = {},
): AnyTensor {
  checkTensor(name, 'x', x)
  const { dims, keepdim } = checkReduction(name, options, x.ndim)
  const kept = x.shape.map((_, i) => i).filter((i) => !dims.includes(i))
  const shape = x.shape.map((n, i) => (dims.includes(i) ? 1 : n))
  const n = sizeOf(dims.map((d) => x.shape[d] as number))
  if (n === 0 && (name === 'max' || name === 'min') && sizeOf(shape) > 0) {
    throw new ShapeError(`${name}: expected at least one element to reduce, got shape ${formatShape(x.shape)}`)
  }
  return local(() => {
    const rows = reshape(permute(to(x, dtype), [...kept, ...dims]), [sizeOf(shape), n])
    const y = n === 0 ? full([sizeOf(shape)], name === 'prod' ? 1 : 0, { dtype }) : folded(name, kind, rows)
    return reshape(y, keepdim ? shape : kept.map((i) => x.shape[i] as number))
  })
}

// x (rows,n) over its columns
function folded(name: string, kind: WholeKind, x: AnyTensor): AnyTensor {
  const n = x.shape[1] as number
  if (n === 1) return x
  const half = n >> 1
  const pairs = binaryKernel(name, kind, narrow(x, 1, 0, half), narrow(x, 1, half, half))
  return folded(name, kind, n % 2 === 0 ? pairs : concat([pairs, narrow(x, 1, n - 1, 1)], 1))
}
