// What layer and group normalisation share: rows of a matrix, each by its own mean and variance.
import { rowMajor } from '../engine/layout.js'
import * as opcodes from '../engine/opcodes.js'
import { isRecording, record } from '../engine/tape.js'
import { allocate, type FloatDType, type FloatTensor, sharedRuntime, type Tensor } from '../tensor.js'
import { add, mul, rsqrt, square, sub } from './elementwise.js'
import { mean, sum } from './reduce.js'
import { contiguous } from './view.js'

/** (x − mean) / √(variance + eps) · weight + bias over each row of x (rows,columns), weight and bias (columns); all dense. */
export function normalisedRows<D extends FloatDType>(
  operation: string,
  x: Tensor<D>,
  weight: Tensor<D> | null,
  bias: Tensor<D> | null,
  eps: number,
): Tensor<D> {
  const runtime = sharedRuntime(operation, x, weight, bias)
  const [rows, columns] = x.shape as [number, number]
  const make = (...shape: number[]) => allocate(x.dtype, shape, rowMajor(shape), runtime)
  const [y, means, rstd] = [make(rows, columns), make(rows), make(rows)]
  opcodes.layerNorm(runtime.encode(), x.dtype, { y, mean: means, rstd, x, weight, bias, rows, columns, eps })
  const saved = weight ? [x, means, rstd, weight] : [x, means, rstd]
  record(operation, y, [x, weight, bias], saved, (dy, [x, mean, rstd, weight], needs) => {
    if (isRecording()) return composedGradient(dy as FloatTensor, x as FloatTensor, weight ?? null, eps, needs)
    const dx = needs[0] ? make(rows, columns) : null
    const dweight = needs[1] ? make(columns) : null
    const dbias = needs[2] ? make(columns) : null
    opcodes.layerNormBackward(runtime.encode(), dy.dtype, {
      ...{ dx, dweight, dbias, dy: contiguous(dy), x: x ?? null, mean: mean ?? null, rstd: rstd ?? null },
      ...{ weight: weight ?? null, rows, columns },
    })
    return [dx, dweight, dbias]
  })
  for (const t of [means, rstd]) t.dispose()
  return y
}

/** @internal x − mean and 1 / √(variance + eps) over dims. */
export function centredAndScale<D extends FloatDType>(
  x: Tensor<D>,
  dim: readonly number[],
  eps: number,
): [Tensor<D>, Tensor<D>] {
  const centred = sub(x, mean(x, { dim, keepdim: true }))
  return [centred, rsqrt(add(mean(square(centred), { dim, keepdim: true }), eps))]
}

// The same of operations that have gradients themselves. With g = dy · weight: rstd · (g − mean g − z · mean of g z).
function composedGradient(
  dy: FloatTensor,
  x: FloatTensor,
  weight: FloatTensor | null,
  eps: number,
  needs: readonly boolean[],
): (FloatTensor | null)[] {
  const along = { dim: 1, keepdim: true }
  const [centred, rstd] = centredAndScale(x, [1], eps)
  const z = mul(centred, rstd)
  const g = weight ? mul(dy, weight) : dy
  const dx = () => mul(rstd, sub(sub(g, mean(g, along)), mul(z, mean(mul(g, z), along))))
  return [needs[0] ? dx() : null, needs[1] ? sum(mul(dy, z), { dim: 0 }) : null, needs[2] ? sum(dy, { dim: 0 }) : null]
}
