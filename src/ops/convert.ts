import { checkDType, dtypes } from '../engine/dtype.js'
import { isRowMajor, rowMajor } from '../engine/layout.js'
import * as opcodes from '../engine/opcodes.js'
import { record } from '../engine/tape.js'
import {
  type AnyTensor,
  allocate,
  type DType,
  denseCopy,
  type FloatDType,
  sharedRuntime,
  type Tensor,
} from '../tensor.js'
import { checkTensor } from './check.js'

/** x in another dtype (x itself if it has it already): truncating toward zero and saturating where needed. */
export function to<E extends DType>(x: AnyTensor, dtype: E): Tensor<E> {
  checkTensor('to', 'x', x)
  checkDType('to', dtype)
  if (x.dtype === (dtype as DType)) return x as unknown as Tensor<E>
  const source = isRowMajor(x.shape, x.strides) ? x : denseCopy(x, rowMajor(x.shape))
  const out = convert(source, dtype)
  const from = x.dtype
  return record('to', out, [x], [], (dy) => [to(dy, from)])
}

function convert<E extends DType>(x: AnyTensor, dtype: E): Tensor<E> {
  const runtime = sharedRuntime('to', x)
  const from = x.dtype
  if (dtype === 'float32' || dtype === 'float64') {
    const out = allocate(dtype, x.shape, rowMajor(x.shape), runtime)
    const bytes = { storage: x.storage, offset: x.offset * dtypes[from].bytes }
    opcodes.toFloat(runtime.encode(), dtype, { out, from: dtypes[from].code, x: bytes, n: x.size })
    return out
  }
  // Integers of every dtype are exact in double precision.
  const source = from === 'float32' || from === 'float64' ? (x as Tensor<FloatDType>) : convert(x, 'float64')
  const out = allocate(dtype as DType, x.shape, rowMajor(x.shape), runtime)
  const args = { out, x: source, n: x.size }
  const encode = dtype === 'int32' ? opcodes.toInt32 : dtype === 'uint8' ? opcodes.toUint8 : opcodes.toBool
  encode(runtime.encode(), source.dtype, args)
  if (source !== x) source.dispose()
  return out as unknown as Tensor<E>
}
