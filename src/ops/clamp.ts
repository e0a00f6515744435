import { sameLayout } from '../engine/layout.js'
import * as opcodes from '../engine/opcodes.js'
import { local } from '../engine/scope.js'
import { record } from '../engine/tape.js'
import { allocate, denseCopy, type FloatTensor, sharedRuntime, type Tensor } from '../tensor.js'
import { checkFloat, checkTensor, checkValue } from './check.js'
import { eq, where } from './compare.js'
import { type Arithmetic, maximum, minimum, stridesFor } from './elementwise.js'

/** x limited to [min, max], elementwise; NaN stays NaN. The gradient passes where min <= x <= max. */
export function clamp<D extends Arithmetic>(
  x: Tensor<D>,
  min: number = Number.NEGATIVE_INFINITY,
  max: number = Number.POSITIVE_INFINITY,
): Tensor<D> {
  checkTensor('clamp', 'x', x)
  checkValue('clamp', 'min', min)
  checkValue('clamp', 'max', max)
  if (x.dtype === 'int32') return clampWhole(x as Tensor<'int32'>, min, max) as unknown as Tensor<D>
  checkFloat('clamp', 'x', x)
  const runtime = sharedRuntime('clamp', x)
  const strides = stridesFor(x.shape, [x])
  const dense = sameLayout(x.shape, x.strides, strides) ? x : denseCopy(x, strides)
  const y = allocate(x.dtype, x.shape, strides, runtime)
  opcodes.clamp(runtime.encode(), x.dtype, { out: y, x: dense, low: min, high: max, n: x.size })
  if (dense !== x) dense.dispose()
  return record('clamp', y, [x], [x, y], (dy, [x, y]) => [where(eq(x, y), dy as FloatTensor, 0)])
}

// Limits that int32 cannot hold are none.
function clampWhole(x: Tensor<'int32'>, min: number, max: number): Tensor<'int32'> {
  return local(() => minimum(maximum(x, Math.max(min, -(2 ** 31))), Math.min(max, 2 ** 31 - 1)))
}
