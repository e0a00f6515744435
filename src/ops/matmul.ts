import { isRowMajor, rowMajor, sizeOf } from '../engine/layout.js'
import * as opcodes from '../engine/opcodes.js'
import { local } from '../engine/scope.js'
import { record } from '../engine/tape.js'
import { ShapeError } from '../errors.js'
import {
  type AnyTensor,
  allocate,
  denseCopy,
  type FloatDType,
  type FloatTensor,
  formatShape,
  sharedRuntime,
  type Tensor,
} from '../tensor.js'
import { broadcastShapes, checkFloat, checkOptions, checkSameDType } from './check.js'
import { reluMask } from './elementwise.js'
import { sum } from './reduce.js'
import { expand, reshape, transpose, unsqueeze } from './view.js'

/** out (…,m,n) = a (…,m,k) · b (…,k,n) + bias (n), with one batch stride per operand; off the tape. */
function gemm<D extends FloatDType>(a: Tensor<D>, b: Tensor<D>, bias: Tensor<D> | null, reluAfter: boolean): Tensor<D> {
  const runtime = sharedRuntime('matmul', a, b, bias)
  const [m, k, n] = [a.shape.at(-2), a.shape.at(-1), b.shape.at(-1)] as [number, number, number]
  const batch = a.shape.slice(0, -2)
  const shape = [...batch, m, n]
  const out = allocate(a.dtype, shape, rowMajor(shape), runtime)
  const x = mergeable(a) ? a : denseCopy(a, rowMajor(a.shape))
  const y = mergeable(b) ? b : denseCopy(b, rowMajor(b.shape))
  opcodes.matmul(runtime.encode(), a.dtype, {
    out,
    a: x,
    b: y,
    bias,
    batch: sizeOf(batch),
    m,
    n,
    k,
    outBatchStride: m * n,
    aBatchStride: batchStride(x),
    aRowStride: x.strides.at(-2) as number,
    aColStride: x.strides.at(-1) as number,
    bBatchStride: batchStride(y),
    bRowStride: y.strides.at(-2) as number,
    bColStride: y.strides.at(-1) as number,
    relu: Number(reluAfter),
  })
  return out
}

// The stride between matrices where all batch dimensions together have one.
function batchStride(t: AnyTensor): number {
  for (let i = t.ndim - 3; i >= 0; i--) if (t.shape[i] !== 1) return t.strides[i] as number
  return 0
}

function mergeable(t: AnyTensor): boolean {
  let step: number | null = null
  for (let i = t.ndim - 3; i >= 0; i--) {
    if (t.shape[i] === 1) continue
    if (step !== null && t.strides[i] !== step) return false
    step = (t.strides[i] as number) * (t.shape[i] as number)
  }
  return true
}

/**
 * Matrix product with PyTorch's rules: (…,m,k) · (…,k,n), batch dimensions broadcast, a vector is a row on the left and
 * a column on the right. Throws ShapeError when the inner sizes differ.
 */
export function matmul<D extends FloatDType>(a: Tensor<D>, b: Tensor<NoInfer<D>>): Tensor<D> {
  checkFloat('matmul', 'a', a)
  checkFloat('matmul', 'b', b)
  checkSameDType('matmul', a, b)
  if (a.ndim === 0 || b.ndim === 0) {
    throw new ShapeError(
      `matmul: expected two tensors of 1 or more dimensions, got ${formatShape(a.shape)} and ${formatShape(b.shape)}`,
    )
  }
  const x = a.ndim === 1 ? [1, ...a.shape] : a.shape
  const y = b.ndim === 1 ? [...b.shape, 1] : b.shape
  if (x.at(-1) !== y.at(-2)) {
    throw new ShapeError(
      `matmul: expected a.shape[-1] to equal b.shape[${b.ndim === 1 ? -1 : -2}] = ${y.at(-2)}, got ${x.at(-1)} ` +
        `(a ${formatShape(a.shape)}, b ${formatShape(b.shape)})`,
    )
  }
  if (a.ndim === 2 && b.ndim === 2) return matrices(a, b) // no views to make and to release
  const batch = broadcastShapes('matmul', x.slice(0, -2), y.slice(0, -2))
  return local(() => {
    const left = a.ndim === 1 ? unsqueeze(a, 0) : a
    const right = b.ndim === 1 ? unsqueeze(b, 1) : b
    const product = matrices(expand(left, [...batch, ...x.slice(-2)]), expand(right, [...batch, ...y.slice(-2)]))
    if (a.ndim > 1 && b.ndim > 1) return product
    const gone = [a.ndim === 1 ? product.ndim - 2 : -1, b.ndim === 1 ? product.ndim - 1 : -1]
    return reshape(
      product,
      product.shape.filter((_, i) => !gone.includes(i)),
    )
  })
}

function matrices<D extends FloatDType>(a: Tensor<D>, b: Tensor<D>): Tensor<D> {
  return record('matmul', gemm(a, b, null, false), [a, b], [a, b], (dy, [a, b], needs) => [
    needs[0] ? matrices(dy, transpose(b, -2, -1)) : null,
    needs[1] ? matrices(transpose(a, -2, -1), dy) : null,
  ])
}

export interface LinearOptions<D extends FloatDType> {
  /** (outFeatures) */
  bias?: Tensor<D> | null
}

/** x (…,in) · weightᵀ + bias, with weight (out,in). Throws ShapeError when x's last dimension is not in. */
export function linear<D extends FloatDType>(
  x: Tensor<D>,
  weight: Tensor<NoInfer<D>>,
  options: LinearOptions<NoInfer<D>> & { /** @internal ReLU in the same pass. */ relu?: boolean } = {},
): Tensor<D> {
  checkFloat('linear', 'x', x)
  checkFloat('linear', 'weight', weight)
  checkOptions('linear', options)
  const bias = options.bias ?? null
  checkSameDType('linear', x, weight)
  if (weight.ndim !== 2) throw new ShapeError(`linear: expected weight (out,in), got ${formatShape(weight.shape)}`)
  const [outFeatures, inFeatures] = weight.shape as [number, number]
  if (x.ndim === 0 || x.shape.at(-1) !== inFeatures) {
    throw new ShapeError(
      `linear: expected x.shape[-1] to equal weight.shape[1] = ${inFeatures}, got ${x.shape.at(-1) ?? 'a scalar'} ` +
        `(input ${formatShape(x.shape)}, weight ${formatShape(weight.shape)})`,
    )
  }
  if (bias !== null) {
    checkFloat('linear', 'bias', bias)
    checkSameDType('linear', x, bias)
    if (bias.ndim !== 1 || bias.shape[0] !== outFeatures) {
      throw new ShapeError(`linear: expected bias of ${outFeatures} elements, got ${formatShape(bias.shape)}`)
    }
  }
  return local(() => {
    const rows = x.ndim === 2 ? x : reshape(x, [sizeOf(x.shape.slice(0, -1)), inFeatures])
    const y = linearRows(rows, weight, bias, options.relu ?? false)
    return x.ndim === 2 ? y : reshape(y, [...x.shape.slice(0, -1), outFeatures])
  })
}

function linearRows<D extends FloatDType>(
  x: Tensor<D>,
  weight: Tensor<D>,
  bias: Tensor<D> | null,
  reluAfter: boolean,
): Tensor<D> {
  const denseBias = bias && isRowMajor(bias.shape, bias.strides) ? bias : bias && denseCopy(bias, rowMajor(bias.shape))
  const transposed = weight.restride([...weight.shape].reverse(), [...weight.strides].reverse())
  const y = gemm(x, transposed, denseBias, reluAfter)
  const saved = reluAfter ? [x, weight, y] : [x, weight]
  return record('linear', y, [x, weight, bias], saved, (dy, [x, weight, y], needs) => {
    const dz = y ? reluMask(dy as FloatTensor, y as FloatTensor) : (dy as FloatTensor)
    return [
      needs[0] ? matmul(dz, weight as FloatTensor) : null,
      needs[1] ? matmul(transpose(dz, 0, 1), x as FloatTensor) : null,
      needs[2] ? sum(dz, { dim: 0 }) : null,
    ]
  })
}
