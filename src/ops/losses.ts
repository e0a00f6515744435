import { rowMajor, sizeOf } from '../engine/layout.js'
import * as opcodes from '../engine/opcodes.js'
import { local } from '../engine/scope.js'
import { isRecording, record } from '../engine/tape.js'
import { ArgumentError, ShapeError } from '../errors.js'
import { allocate, denseCopy, type FloatDType, formatShape, sharedRuntime, type Tensor } from '../tensor.js'
import { checkDTypeIs, checkFloat, checkInteger, checkNumber, checkSameDType } from './check.js'
import { to } from './convert.js'
import { tensor } from './create.js'
import { div, eq, mul, ne, square, sub } from './elementwise.js'
import { mean, sum } from './reduce.js'
import { softmax } from './softmax.js'
import { contiguous, permute, reshape } from './view.js'

export type Reduction = 'mean' | 'sum' | 'none'
const reductions: readonly Reduction[] = ['none', 'mean', 'sum'] // in the order of the command's numbers

export interface CrossEntropyOptions<D extends FloatDType> {
  /** Of each class: (C). */
  weight?: Tensor<D> | null
  /** Rows with this target count for nothing; -100 by default. */
  ignoreIndex?: number
  /** Share of the target that is spread over all classes, from 0 to 1. */
  labelSmoothing?: number
  /** 'mean' (by the rows' weights), 'sum', or 'none': a loss for each row. */
  reduction?: Reduction
}

/**
 * −log softmax(logits)[target], fused: logits (N,C), (C) or (N,C,d…), target class indices int32 (N), () or (N,d…). Throws
 * ShapeError and DTypeError; a target outside the classes makes the loss NaN.
 */
export function crossEntropy<D extends FloatDType>(
  logits: Tensor<D>,
  target: Tensor<'int32'>,
  options: CrossEntropyOptions<D> = {},
): Tensor<D> {
  const op = 'crossEntropy'
  checkFloat(op, 'logits', logits)
  checkDTypeIs(op, 'target', target, 'int32')
  const reduction = checkReduction(op, options.reduction)
  const ignoreIndex = checkInteger(op, 'ignoreIndex', options.ignoreIndex ?? -100, -(2 ** 31))
  const labelSmoothing = checkNumber(op, 'labelSmoothing', options.labelSmoothing ?? 0, 0, 1)
  if (logits.ndim === 0) throw new ShapeError(`${op}: expected logits (N,C), got a scalar`)
  const expected = logits.ndim === 1 ? [] : logits.shape.filter((_, i) => i !== 1)
  if (target.ndim !== expected.length || target.shape.some((n, i) => n !== expected[i])) {
    throw new ShapeError(
      `${op}: expected target of shape ${formatShape(expected)} for logits ${formatShape(logits.shape)}, got ${formatShape(target.shape)}`,
    )
  }
  const columns = logits.shape[logits.ndim === 1 ? 0 : 1] as number
  const weight = options.weight ?? null
  if (weight) {
    checkFloat(op, 'weight', weight)
    checkSameDType(op, logits, weight)
    if (weight.ndim !== 1 || weight.shape[0] !== columns) {
      throw new ShapeError(`${op}: expected weight of ${columns} elements, got ${formatShape(weight.shape)}`)
    }
  }
  const rows = sizeOf(expected)
  const common = { rows, columns, reduction: reductions.indexOf(reduction), ignoreIndex, labelSmoothing }
  return local(() => {
    const last = logits.ndim <= 2 ? logits : permute(logits, [0, ...range(2, logits.ndim), 1])
    const x = contiguous(reshape(last, [rows, columns]))
    const y = contiguous(reshape(target, [rows]))
    const loss = fused(x, y, weight && contiguous(weight), common)
    return reduction === 'none' ? reshape(loss, expected) : loss
  })
}

const range = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, i) => from + i)

function fused<D extends FloatDType>(
  x: Tensor<D>,
  target: Tensor<'int32'>,
  weight: Tensor<D> | null,
  common: { rows: number; columns: number; reduction: number; ignoreIndex: number; labelSmoothing: number },
): Tensor<D> {
  const runtime = sharedRuntime('crossEntropy', x, target, weight)
  const shape = common.reduction === 0 ? [common.rows] : []
  const loss = allocate(x.dtype, shape, rowMajor(shape), runtime)
  const lse = allocate(x.dtype, [common.rows], [1], runtime)
  const denominator = allocate(x.dtype, [], [], runtime)
  opcodes.crossEntropy(runtime.encode(), x.dtype, { loss, lse, denominator, x, target, weight, ...common })
  const saved = weight ? [x, target, lse, denominator, weight] : [x, target, lse, denominator]
  record('crossEntropy', loss, [x], saved, (dloss, [x, target, lse, denominator, weight]) => {
    if (isRecording()) {
      const divided = common.reduction === 1 ? div(dloss as Tensor<D>, denominator as Tensor<D>) : (dloss as Tensor<D>)
      const perRow = divided.ndim === 0 ? divided : reshape(divided, [common.rows, 1])
      const q = targets(target as Tensor<'int32'>, (weight as Tensor<D> | undefined) ?? null, x as Tensor<D>, common)
      const p = softmax(x as Tensor<D>, { dim: 1 })
      return [mul(perRow, sub(mul(p, sum(q, { dim: 1, keepdim: true })), q))]
    }
    const dx = allocate(dloss.dtype, (x as Tensor<D>).shape, rowMajor((x as Tensor<D>).shape), runtime)
    const dense = dloss.ndim === 0 || dloss.strides[0] === 1 ? dloss : denseCopy(dloss, rowMajor(dloss.shape))
    opcodes.crossEntropyBackward(runtime.encode(), dloss.dtype, {
      dx,
      dloss: dense,
      lse: lse ?? null,
      denominator: denominator ?? null,
      x: x ?? null,
      target: target ?? null,
      weight: weight ?? null,
      ...common,
    })
    return [dx]
  })
  return loss
}

// q (rows,columns) in loss = −Σ q · log softmax(x), constant.
function targets<D extends FloatDType>(
  target: Tensor<'int32'>,
  weight: Tensor<D> | null,
  x: Tensor<D>,
  common: { rows: number; columns: number; ignoreIndex: number; labelSmoothing: number },
): Tensor<D> {
  const { rows, columns, ignoreIndex, labelSmoothing } = common
  const column = reshape(target, [rows, 1])
  const classes = tensor(Int32Array.from({ length: columns }, (_, i) => i))
  const hit = mul(to(eq(column, classes), x.dtype), 1 - labelSmoothing)
  const smooth = sub(hit, -labelSmoothing / Math.max(1, columns))
  const counted = mul(smooth, to(ne(column, ignoreIndex), x.dtype))
  return weight ? mul(counted, weight.detach()) : counted
}

function checkReduction(operation: string, reduction: Reduction = 'mean'): Reduction {
  if (reductions.includes(reduction)) return reduction
  throw new ArgumentError(
    `${operation}: expected reduction to be 'mean', 'sum' or 'none', got ${JSON.stringify(reduction)}`,
  )
}

/** (input − target)², reduced. */
export function mseLoss<D extends FloatDType>(
  input: Tensor<D>,
  target: Tensor<D>,
  options: { reduction?: Reduction } = {},
): Tensor<D> {
  const reduction = checkReduction('mseLoss', options.reduction)
  return local(() => {
    const squares = square(sub(input, target))
    return reduction === 'none' ? squares : reduction === 'sum' ? sum(squares) : mean(squares)
  })
}
