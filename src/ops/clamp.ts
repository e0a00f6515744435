import { sameLayout, stridesFor } from '../engine/layout.js'
import * as opcodes from '../engine/opcodes.js'
import { local } from '../engine/scope.js'
import { record } from '../engine/tape.js'
import { allocate, denseCopy, type FloatTensor, sharedRuntime, type Tensor } from '../tensor.js'
import { checkFloat, checkInteger, checkTensor, checkValue } from './check.js'
import { eq, where } from './compare.js'
import { type Arithmetic, maximum, minimum } from './elementwise.js'

/** x limited to [min, max], elementwise; NaN stays NaN. The gradient passes where min <= x <= max. */
export function clamp<D extends Arithmetic>(x: Tensor<D>, min?: number, max?: number): Tensor<D> {
  return limited('clamp', x, min, max)
}

/** @internal clamp, called by this name. */
export function limited<D extends Arithmetic>(
  operation: string,
  x: Tensor<D>,
  min: number = Number.NEGATIVE_INFINITY,
  max: number = Number.POSITIVE_INFINITY,
): Tensor<D> {
  checkTensor(operation, 'x', x)
  checkValue(operation, 'min', min)
  checkValue(operation, 'max', max)
  if (x.dtype === 'int32') return limitedWhole(operation, x as Tensor<'int32'>, min, max) as unknown as Tensor<D>
  checkFloat(operation, 'x', x)
  const runtime = sharedRuntime(operation, x)
  const strides = stridesFor(x.shape, [x])
  const dense = sameLayout(x.shape, x.strides, strides) ? x : denseCopy(x, strides)
  const y = allocate(x.dtype, x.shape, strides, runtime)
  opcodes.clamp(runtime.encode(), x.dtype, { out: y, x: dense, low: min, high: max, n: x.size })
  if (dense !== x) dense.dispose()
  return record('clamp', y, [x], [x, y], (dy, [x, y]) => [where(eq(x, y), dy as FloatTensor, 0)])
}

// Limits that int32 cannot hold are none.
function limitedWhole(operation: string, x: Tensor<'int32'>, min: number, max: number): Tensor<'int32'> {
  const [least, most] = [-(2 ** 31), 2 ** 31 - 1]
  const low = checkInteger(operation, 'min of int32', Math.max(min, least), least)
  const high = checkInteger(operation, 'max of int32', Math.min(max, most), least)
  return local(() => minimum(maximum(x, low), high))
}
