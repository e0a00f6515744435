import { isRowMajor, rowMajor } from '../engine/layout.js'
import * as opcodes from '../engine/opcodes.js'
import { local } from '../engine/scope.js'
import { isRecording, record } from '../engine/tape.js'
import { allocate, denseCopy, type FloatDType, sharedRuntime, type Tensor } from '../tensor.js'
import { checkDim, checkFloat, checkOptions } from './check.js'
import { exp, mul, sub } from './elementwise.js'
import { sum } from './reduce.js'
import { contiguous, transpose } from './view.js'

function softmaxOp(name: 'softmax' | 'logSoftmax') {
  const log = Number(name === 'logSoftmax')
  return <D extends FloatDType>(x: Tensor<D>, options: { dim: number } = {} as never): Tensor<D> => {
    checkFloat(name, 'x', x)
    checkOptions(name, options)
    if (x.ndim === 0) return local(() => rows(name, x, log))
    const dim = checkDim(name, options.dim, x.ndim)
    return local(() => {
      if (dim === x.ndim - 1) return rows(name, x, log)
      return transpose(rows(name, transpose(x, dim, -1), log), dim, -1)
    })
  }
}

// Over the last dimension.
function rows<D extends FloatDType>(name: string, x: Tensor<D>, log: number): Tensor<D> {
  const source = contiguous(x)
  const columns = source.shape.at(-1) ?? 1
  const size = { rows: columns === 0 ? 0 : source.size / columns, columns, log }
  const runtime = sharedRuntime(name, source)
  const out = allocate(x.dtype, x.shape, rowMajor(x.shape), runtime)
  opcodes.softmax(runtime.encode(), x.dtype, { out, x: source, ...size })
  record(name, out, [source], [out], (dy, [y]) => {
    if (isRecording()) return [log ? logGradient(dy as Tensor<D>, y) : gradient(dy as Tensor<D>, y)]
    const dense = isRowMajor(dy.shape, dy.strides) ? dy : denseCopy(dy, rowMajor(dy.shape))
    const dx = allocate(dy.dtype, dy.shape, rowMajor(dy.shape), runtime)
    opcodes.softmaxBackward(runtime.encode(), dy.dtype, { dx, dy: dense, y, ...size })
    return [dx]
  })
  return out
}

// The gradients on the tape, for derivatives of them.
const last = (x: { ndim: number }) => ({ dim: x.ndim === 0 ? [] : -1, keepdim: true })
const gradient = <D extends FloatDType>(dy: Tensor<D>, y: Tensor<D>): Tensor<D> =>
  mul(y, sub(dy, sum(mul(dy, y), last(y))))
const logGradient = <D extends FloatDType>(dy: Tensor<D>, y: Tensor<D>): Tensor<D> =>
  sub(dy, mul(exp(y), sum(dy, last(y))))

/** exp(x) / Σ exp(x) along dim, computed without overflow. */
export const softmax = softmaxOp('softmax')
/** log(softmax(x)) along dim, computed without overflow. */
export const logSoftmax = softmaxOp('logSoftmax')
