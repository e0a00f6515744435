// Changes in place. The tape knows nothing of them, so they are refused where it would have to: see checkTarget.
import { coalesce, rowMajor, sameShape } from '../engine/layout.js'
import * as opcodes from '../engine/opcodes.js'
import { Binary } from '../engine/opcodes.js'
import { runScope } from '../engine/scope.js'
import { isRecording, withRecording } from '../engine/tape.js'
import { ArgumentError, ShapeError, StateError } from '../errors.js'
import {
  type AnyTensor,
  type DType,
  denseCopy,
  type FloatDType,
  formatShape,
  sharedRuntime,
  type Tensor,
} from '../tensor.js'
import {
  broadcastShapes,
  broadcastStrides,
  checkArithmetic,
  checkFloat,
  checkOptions,
  checkSameDType,
  checkTensor,
  checkValue,
} from './check.js'
import { limited } from './clamp.js'
import { to } from './convert.js'
import { full } from './create.js'
import { type Arithmetic, mul, type NumberOr } from './elementwise.js'

// Runs fn, which changes t, off the tape; its temporaries are released, and backward will notice the change.
function changing<D extends DType>(
  operation: string,
  t: Tensor<D>,
  others: readonly AnyTensor[],
  fn: () => void,
): Tensor<D> {
  checkTensor(operation, 'the tensor', t)
  const recorded = [t, ...others].find((x) => x.requiresGrad)
  if (recorded && isRecording()) {
    const which = recorded === t ? 'a tensor' : 'an operand'
    throw new StateError(
      `${operation}: expected no gradient to be recorded, got ${which} that requires one; wrap the change in noGrad()`,
    )
  }
  if (t.shape.some((n, i) => n > 1 && t.strides[i] === 0)) {
    throw new ArgumentError(`${operation}: expected a tensor whose elements lie apart, got an expanded one; clone() it`)
  }
  withRecording(false, () => runScope(fn, () => false))
  t.storage.version++
  return t
}

function checkFits(operation: string, t: AnyTensor, other: AnyTensor): void {
  const shape = broadcastShapes(operation, t.shape, other.shape)
  if (sameShape(shape, t.shape)) return
  throw new ShapeError(
    `${operation}: expected an operand that broadcasts to ${formatShape(t.shape)}, got ${formatShape(other.shape)}`,
  )
}

// What is read while t is written: a copy where both share memory but for the case that they are the same elements.
const apart = <D extends DType>(t: AnyTensor, x: Tensor<D>): Tensor<D> =>
  x.storage === t.storage && !sameElements(t, x) ? denseCopy(x, rowMajor(x.shape)) : x

const sameElements = (t: AnyTensor, x: AnyTensor): boolean =>
  t.offset === x.offset && sameShape(t.shape, x.shape) && t.strides.every((stride, i) => stride === x.strides[i])

/** Writes source, broadcast and converted, into t's memory. */
export function copy_<D extends DType>(t: Tensor<D>, source: AnyTensor): Tensor<D> {
  const op = 'copy_'
  checkTensor(op, 'the tensor', t)
  checkTensor(op, 'source', source)
  checkFits(op, t, source)
  const runtime = sharedRuntime(op, t, source)
  return changing(op, t, [source], () => {
    const x = apart(t, to(source, t.dtype))
    const nest = coalesce(t.shape, [t.strides, broadcastStrides(x, t.shape)])
    opcodes.copy(runtime.encode(), t.dtype, { out: t, x, ...nest })
  })
}

/** Makes every element of t this value. */
export function fill_<D extends DType>(t: Tensor<D>, value: number): Tensor<D> {
  checkTensor('fill_', 'the tensor', t)
  checkValue('fill_', 'value', value)
  return changing('fill_', t, [], () => copy_(t, full([], value, { dtype: t.dtype })))
}

/** Makes every element of t zero. */
export const zero_ = <D extends DType>(t: Tensor<D>): Tensor<D> => changing('zero_', t, [], () => fill_(t, 0))

function binary_(name: 'add' | 'sub' | 'mul' | 'div') {
  const op = `${name}_`
  const check = name === 'div' ? checkFloat : checkArithmetic
  return <D extends Arithmetic>(
    t: Tensor<D>,
    other: NumberOr<NoInfer<D>>,
    options: { alpha?: number } = {},
  ): Tensor<D> => {
    checkOptions(op, options)
    const alpha = checkValue(op, 'alpha', options.alpha ?? 1)
    const number = typeof other === 'number'
    check(op, 'the tensor', t, number ? alpha * other : alpha)
    if (!number) {
      check(op, 'other', other)
      checkSameDType(op, t, other)
      checkFits(op, t, other)
    }
    const runtime = sharedRuntime(op, t, number ? null : other)
    const kind = Binary[name]
    return changing(op, t, number ? [] : [other], () => {
      if (number) {
        const nest = coalesce(t.shape, [t.strides, t.strides])
        opcodes.scalar(runtime.encode(), t.dtype, { out: t, x: t, kind, reversed: 0, value: alpha * other, ...nest })
        return
      }
      const b = apart(t, alpha === 1 ? other : mul(other, alpha))
      const nest = coalesce(t.shape, [t.strides, t.strides, broadcastStrides(b, t.shape)])
      opcodes.binary(runtime.encode(), t.dtype, { out: t, a: t, b, kind, ...nest })
    })
  }
}

type Scaled = <D extends Arithmetic>(
  t: Tensor<D>,
  other: NumberOr<NoInfer<D>>,
  options?: { alpha?: number },
) => Tensor<D>
type Plain<E> = <D extends E & Arithmetic>(t: Tensor<D>, other: NumberOr<NoInfer<D>>) => Tensor<D>

/** t += alpha · other, broadcast to t. */
export const add_: Scaled = binary_('add')
/** t −= alpha · other, broadcast to t. */
export const sub_: Scaled = binary_('sub')
/** t *= other, broadcast to t. */
export const mul_: Plain<Arithmetic> = binary_('mul')
/** t /= other, broadcast to t. */
export const div_: Plain<FloatDType> = binary_('div')

/** Limits every element of t to [min, max]. */
export function clamp_<D extends Arithmetic>(t: Tensor<D>, min?: number, max?: number): Tensor<D> {
  return changing('clamp_', t, [], () => copy_(t, limited('clamp_', t, min, max)))
}
