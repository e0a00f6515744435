import { isFloat } from '../engine/dtype.js'
import { sizeOf } from '../engine/layout.js'
import * as opcodes from '../engine/opcodes.js'
import { local } from '../engine/scope.js'
import { isLastSeed, isRecording, record } from '../engine/tape.js'
import { ArgumentError, ShapeError } from '../errors.js'
import { allocate, type FloatDType, sharedRuntime, type Tensor } from '../tensor.js'
import { checkInteger, checkNumber, checkTensor } from './check.js'
import { eq, ne, where } from './compare.js'
import { to } from './convert.js'
import { tensor } from './create.js'
import { add, div, mul, neg, square, sub } from './elementwise.js'
import {
  checkBroadcastPair,
  checkClasses,
  checkPairOfTensors,
  checkReduction,
  checkWeight,
  type Reduction,
  reduced,
  reductions,
} from './loss-checks.js'
import { sum } from './reduce.js'
import { logSoftmax, softmax } from './softmax.js'
import { contiguous, permute, reshape } from './view.js'

export type { Reduction }

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
 * −log softmax(logits)[target], fused: logits (N,C), (C) or (N,C,d…), target class indices int32 (N), () or (N,d…), or
 * probabilities of the logits' shape. Throws ShapeError and DTypeError; a target outside the classes makes the loss NaN.
 */
export function crossEntropy<D extends FloatDType>(
  logits: Tensor<D>,
  target: Tensor<'int32'> | Tensor<NoInfer<D>>,
  options: CrossEntropyOptions<NoInfer<D>> = {},
): Tensor<D> {
  const op = 'crossEntropy'
  const reduction = checkReduction(op, options)
  const ignoreIndex = checkInteger(op, 'ignoreIndex', options.ignoreIndex ?? -100, -(2 ** 31))
  const labelSmoothing = checkNumber(op, 'labelSmoothing', options.labelSmoothing ?? 0, 0, 1)
  checkTensor(op, 'target', target)
  if (isFloat(target.dtype)) return softCrossEntropy(logits, target as Tensor<D>, options)
  const expected = checkClasses(op, 'logits', logits, target)
  const columns = logits.shape[logits.ndim === 1 ? 0 : 1] as number
  const weight = checkWeight(op, logits, columns, options.weight)
  const rows = sizeOf(expected)
  const common = { rows, columns, reduction: reductions.indexOf(reduction), ignoreIndex, labelSmoothing }
  return local(() => {
    const last = logits.ndim <= 2 ? logits : permute(logits, [0, ...range(2, logits.ndim), 1])
    const x = contiguous(reshape(last, [rows, columns]))
    const y = contiguous(reshape(target as Tensor<'int32'>, [rows]))
    const loss = fused(x, y, weight && contiguous(weight), common)
    return reduction === 'none' ? reshape(loss, expected) : loss
  })
}

// −Σ_c w_c t_c log softmax(logits)_c of each row; the mean is over the rows, whatever their weights.
function softCrossEntropy<D extends FloatDType>(
  logits: Tensor<D>,
  target: Tensor<D>,
  options: CrossEntropyOptions<D>,
): Tensor<D> {
  const op = 'crossEntropy'
  checkPairOfTensors(op, logits, target)
  if (logits.ndim === 0) throw new ShapeError(`${op}: expected logits (N,C), got a scalar`)
  if (options.ignoreIndex !== undefined && options.ignoreIndex >= 0) {
    throw new ArgumentError(`${op}: expected no ignoreIndex beside class probabilities, got ${options.ignoreIndex}`)
  }
  const dim = logits.ndim === 1 ? 0 : 1
  const classes = logits.shape[dim] as number
  const weight = checkWeight(op, logits, classes, options.weight)
  const [smoothing, reduction] = [options.labelSmoothing ?? 0, options.reduction ?? 'mean']
  return local(() => {
    const spread = smoothing > 0 ? add(mul(target, 1 - smoothing), smoothing / classes) : target
    const scale = weight && reshape(weight, [classes, ...range(2, logits.ndim).map(() => 1)])
    const terms = mul(logSoftmax(logits, { dim }), scale ? mul(spread, scale) : spread)
    return reduced(neg(sum(terms, { dim })), reduction)
  })
}

interface Common {
  rows: number
  columns: number
  reduction: number
  ignoreIndex: number
  labelSmoothing: number
}

const range = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, i) => from + i)

// The forward pass, which has the exponentials at hand, computes the gradient too where one is wanted.
function fused<D extends FloatDType>(
  x: Tensor<D>,
  target: Tensor<'int32'>,
  weight: Tensor<D> | null,
  common: Common,
): Tensor<D> {
  const { rows, reduction } = common
  const runtime = sharedRuntime('crossEntropy', x, target, weight)
  const loss = allocate(x.dtype, reduction === 0 ? [rows] : [], undefined, runtime)
  const dx = isRecording() && x.requiresGrad ? allocate(x.dtype, x.shape, undefined, runtime) : null
  opcodes.crossEntropy(runtime.encode(), x.dtype, { loss, dx, x, target, weight, ...common })
  if (!dx) return loss
  const saved = weight ? [x, dx, target, weight] : [x, dx, target]
  return record('crossEntropy', loss, [x], saved, (dloss, saved) => {
    const [x, dx, target, weight] = saved as [Tensor<D>, Tensor<D>, Tensor<'int32'>, Tensor<D>?]
    if (isLastSeed(dloss) && !isRecording()) return [dx]
    const dy = dloss as Tensor<D>
    // A row that counts for nothing has gradient 0 whatever arrives there.
    const perRow = reduction === 0 ? reshape(where(ne(target, common.ignoreIndex), dy, 0), [rows, 1]) : dy
    return [isRecording() ? composedGradient(perRow, x, target, weight, common) : mul(dx, perRow)]
  })
}

// dx · dy from operations that have gradients in turn: loss = −Σ q · log softmax(x), where q (rows,columns) is constant.
function composedGradient<D extends FloatDType>(
  dy: Tensor<D>,
  x: Tensor<D>,
  target: Tensor<'int32'>,
  weight: Tensor<D> | undefined,
  { rows, columns, reduction, ignoreIndex, labelSmoothing }: Common,
): Tensor<D> {
  const rowSum = (t: Tensor<D>) => sum(t, { dim: 1, keepdim: true })
  const weighted = (t: Tensor<D>) => (weight ? mul(t, weight.detach()) : t)
  const column = reshape(target, [rows, 1])
  const classes = tensor(Int32Array.from({ length: columns }, (_, i) => i))
  const hit = mul(to(eq(column, classes), x.dtype), to(ne(column, ignoreIndex), x.dtype))
  const spread = mul(rowSum(hit), labelSmoothing / Math.max(1, columns))
  const q = weighted(add(mul(hit, 1 - labelSmoothing), spread))
  const dx = sub(mul(softmax(x, { dim: 1 }), rowSum(q)), q)
  return mul(dx, reduction === 1 ? div(dy, sum(weighted(hit))) : dy)
}

/** (input − target)², reduced. */
export function mseLoss<D extends FloatDType>(
  input: Tensor<D>,
  target: Tensor<NoInfer<D>>,
  options: { reduction?: Reduction } = {},
): Tensor<D> {
  const reduction = checkReduction('mseLoss', options)
  checkBroadcastPair('mseLoss', input, target)
  return local(() => reduced(square(sub(input, target)), reduction))
}
