import {
  channelsLast as channelsLastStrides,
  coalesce,
  isDense,
  isRowMajor,
  maxSize,
  rowMajor,
  sameLayout,
  sizeOf,
} from '../engine/layout.js'
import * as opcodes from '../engine/opcodes.js'
import { local } from '../engine/scope.js'
import { shown } from '../engine/shown.js'
import { record } from '../engine/tape.js'
import { ShapeError } from '../errors.js'
import {
  type AnyTensor,
  allocate,
  type DType,
  denseCopy,
  type FloatDType,
  formatShape,
  sharedRuntime,
  type Tensor,
} from '../tensor.js'
import { checkDim, checkInteger, checkSameDType, checkShape, checkTensor, checkTensors, maxRank } from './check.js'
import { sumTo } from './reduce.js'

/** x itself if it is row-major, else a copy that is. */
export function contiguous<D extends DType>(x: Tensor<D>): Tensor<D> {
  checkTensor('contiguous', 'x', x)
  if (isRowMajor(x.shape, x.strides)) return x
  return record('contiguous', denseCopy(x, rowMajor(x.shape)), [x], [], (dy) => [dy])
}

/** A copy of x with storage of its own. */
export function clone<D extends DType>(x: Tensor<D>): Tensor<D> {
  checkTensor('clone', 'x', x)
  const strides = isDense(x.shape, x.strides) ? x.strides : rowMajor(x.shape)
  return record('clone', denseCopy(x, strides), [x], [], (dy) => [dy])
}

/** An image batch (N,C,H,W) as it is if its channels lie side by side, else a copy in which they do. */
export function channelsLast<D extends DType>(x: Tensor<D>): Tensor<D> {
  const strides = channelsLastStrides(x.shape)
  if (sameLayout(x.shape, x.strides, strides)) return x
  return record('channelsLast', denseCopy(x, strides), [x], [], (dy) => [dy])
}

/** x with its elements in the same logical order but another shape; one dimension may be -1. Copies only if it must. */
export function reshape<D extends DType>(x: Tensor<D>, shape: readonly number[]): Tensor<D> {
  checkTensor('reshape', 'x', x)
  const full = inferShape('reshape', x, shape)
  const from = x.shape
  const strides = viewStrides(x, full)
  if (strides) return record('reshape', x.restride(full, strides), [x], [], (dy) => [reshape(dy, from)])
  const copy = denseCopy(x, rowMajor(x.shape))
  const out = record('reshape', copy.restride(full, rowMajor(full)), [x], [], (dy) => [reshape(dy, from)])
  copy.dispose()
  return out
}

/** As reshape, but throws ShapeError where that would have to copy. */
export function view<D extends DType>(x: Tensor<D>, shape: readonly number[]): Tensor<D> {
  checkTensor('view', 'x', x)
  if (!viewStrides(x, inferShape('view', x, shape))) {
    throw new ShapeError(
      `view: expected a tensor whose memory order allows shape ${formatShape(shape)} without a copy, got ` +
        `${formatShape(x.shape)} with strides ${x.strides.join(',')}; use reshape`,
    )
  }
  return reshape(x, shape)
}

function inferShape(operation: string, x: AnyTensor, shape: readonly number[]): readonly number[] {
  checkShape(operation, shape, -1)
  const unknown = shape.indexOf(-1)
  const known = sizeOf(shape.filter((_, i) => i !== unknown))
  const full = unknown < 0 ? shape : shape.map((n, i) => (i === unknown ? x.size / known : n))
  const fits = full.every((n) => Number.isInteger(n) && n >= 0) && sizeOf(full) === x.size
  if (fits) return full
  throw new ShapeError(
    `${operation}: expected a shape of ${x.size} elements in at most ${maxRank} dimensions (input ${formatShape(x.shape)}), got ${shown(shape)}`,
  )
}

// Strides that show x in this shape without a copy, or null.
function viewStrides(x: AnyTensor, shape: readonly number[]): readonly number[] | null {
  if (isRowMajor(x.shape, x.strides)) return rowMajor(shape)
  // Only dimensions of size 1 come or go: the others keep their strides.
  const kept = x.shape.map((n, i) => [n, x.strides[i] as number] as const).filter(([n]) => n !== 1)
  const wanted = shape.filter((n) => n !== 1)
  if (kept.length !== wanted.length || !kept.every(([n], i) => n === wanted[i])) return null
  let next = 0
  return shape.map((n) => (n === 1 ? 1 : (kept[next++] as readonly [number, number])[1]))
}

/** The dimensions from startDim to endDim, both included, as one. */
export function flatten<D extends DType>(x: Tensor<D>, startDim = 0, endDim = -1): Tensor<D> {
  checkTensor('flatten', 'x', x)
  if (x.ndim === 0) return reshape(x, [1])
  const start = checkDim('flatten', startDim, x.ndim)
  const end = checkDim('flatten', endDim, x.ndim)
  if (start > end) throw new ShapeError(`flatten: expected startDim <= endDim, got ${startDim} and ${endDim}`)
  const middle = sizeOf(x.shape.slice(start, end + 1))
  return reshape(x, [...x.shape.slice(0, start), middle, ...x.shape.slice(end + 1)])
}

/** x with its dimensions in the order given, as a view. */
export function permute<D extends DType>(x: Tensor<D>, dims: readonly number[]): Tensor<D> {
  checkTensor('permute', 'x', x)
  const order = Array.isArray(dims) ? Array.from(dims, (d) => checkDim('permute', d, x.ndim)) : []
  if (order.length !== x.ndim || new Set(order).size !== x.ndim) {
    throw new ShapeError(`permute: expected each of the ${x.ndim} dimensions once, got ${shown(dims)}`)
  }
  const out = x.restride(
    order.map((d) => x.shape[d] as number),
    order.map((d) => x.strides[d] as number),
  )
  const inverse = order.map((_, i) => order.indexOf(i))
  return record('permute', out, [x], [], (dy) => [permute(dy, inverse)])
}

/** x with two dimensions swapped, as a view. */
export function transpose<D extends DType>(x: Tensor<D>, dim0: number, dim1: number): Tensor<D> {
  checkTensor('transpose', 'x', x)
  const order = x.shape.map((_, i) => i)
  const [a, b] = [checkDim('transpose', dim0, x.ndim), checkDim('transpose', dim1, x.ndim)]
  order[a] = b
  order[b] = a
  return permute(x, order)
}

/** x without its dimensions of size 1, or without `dim` if that has size 1. */
export function squeeze<D extends DType>(x: Tensor<D>, dim?: number): Tensor<D> {
  checkTensor('squeeze', 'x', x)
  const only = dim === undefined ? undefined : checkDim('squeeze', dim, x.ndim)
  return reshape(
    x,
    x.shape.filter((n, i) => n !== 1 || (only !== undefined && i !== only)),
  )
}

/** x with a dimension of size 1 inserted before `dim`. */
export function unsqueeze<D extends DType>(x: Tensor<D>, dim: number): Tensor<D> {
  checkTensor('unsqueeze', 'x', x)
  const at = checkDim('unsqueeze', dim, x.ndim + 1)
  return reshape(x, [...x.shape.slice(0, at), 1, ...x.shape.slice(at)])
}

/** x repeated along dimensions of size 1 up to this shape, as a view; -1 keeps a dimension. */
export function expand<D extends DType>(x: Tensor<D>, shape: readonly number[]): Tensor<D> {
  checkTensor('expand', 'x', x)
  checkShape('expand', shape, -1)
  const extra = shape.length - x.ndim
  const full = shape.map((n, i) => (n === -1 && i >= extra ? (x.shape[i - extra] as number) : n))
  const fits = extra >= 0 && x.shape.every((n, i) => n === full[i + extra] || n === 1)
  if (!fits) {
    throw new ShapeError(`expand: expected a shape that ${formatShape(x.shape)} broadcasts to, got ${shown(shape)}`)
  }
  checkShape('expand', full)
  if (sizeOf(full) > maxSize) {
    throw new ShapeError(`expand: expected a shape of at most ${maxSize} elements, got ${formatShape(full)}`)
  }
  const from = x.shape
  if (extra === 0 && full.every((n, i) => n === from[i])) return x
  const strides = full.map((n, i) => (i < extra || from[i - extra] !== n ? 0 : (x.strides[i - extra] as number)))
  return record('expand', x.restride(full, strides), [x], [], (dy) => [sumTo(dy as Tensor<FloatDType>, from)])
}

/** Elements start, start + step, … before end along dim, as a view; negative positions count from the end. */
export function slice<D extends DType>(x: Tensor<D>, dim: number, start = 0, end?: number, step = 1): Tensor<D> {
  checkTensor('slice', 'x', x)
  const d = checkDim('slice', dim, x.ndim)
  checkInteger('slice', 'step', step, 1)
  const n = x.shape[d] as number
  const clip = (i: number) => Math.min(n, Math.max(0, i < 0 ? i + n : i))
  const from = clip(checkInteger('slice', 'start', start, -(2 ** 31)))
  const to = end === undefined ? n : clip(checkInteger('slice', 'end', end, -(2 ** 31)))
  const length = Math.max(0, Math.ceil((to - from) / step))
  const stride = x.strides[d] as number
  const replaced = (list: readonly number[], value: number) => list.map((v, i) => (i === d ? value : v))
  const taken = replaced(x.shape, length)
  // A view of nothing must not begin beyond the end of what there is.
  const offset = x.offset + (sizeOf(taken) > 0 ? from * stride : 0)
  const out = x.restride(taken, replaced(x.strides, stride * step), offset)
  const { shape } = x
  return record('slice', out, [x], [], (dy) => [scatterSlice(dy, shape, d, from, step)])
}

// Zeros of this shape with dy in the places that slice took it from.
function scatterSlice(dy: AnyTensor, shape: readonly number[], dim: number, start: number, step: number): AnyTensor {
  const runtime = sharedRuntime('slice', dy)
  const dx = allocate(dy.dtype, shape, rowMajor(shape), runtime)
  opcodes.fill(runtime.encode(), dy.dtype, { out: dx, n: dx.size, value: 0 })
  copyInto(dx, dy, dim, start, step)
  const end = start + ((dy.shape[dim] as number) - 1) * step + 1
  return record('slice', dx, [dy], [], (ddx) => [slice(ddx, dim, start, Math.max(start, end), step)])
}

// Writes x into out[..., start : start + step·n : step, ...] along dim.
function copyInto(out: AnyTensor, x: AnyTensor, dim: number, start: number, step = 1): void {
  if (x.size === 0) return
  const strides = out.strides.map((s, i) => (i === dim ? s * step : s))
  const target = { storage: out.storage, offset: out.offset + start * (out.strides[dim] as number) }
  const nest = coalesce(x.shape, [strides, x.strides])
  opcodes.copy(out.storage.runtime.encode(), out.dtype, { out: target, x, ...nest })
}

/** `length` elements from `start` along dim, as a view; throws ShapeError when there are not so many. */
export function narrow<D extends DType>(x: Tensor<D>, dim: number, start: number, length: number): Tensor<D> {
  checkTensor('narrow', 'x', x)
  const n = x.shape[checkDim('narrow', dim, x.ndim)] as number
  const from = Number.isInteger(start) && start < 0 ? start + n : start
  if (!(Number.isInteger(from) && Number.isInteger(length) && from >= 0 && length >= 0 && from + length <= n)) {
    throw new ShapeError(
      `narrow: expected start and length within ${n} elements, got ${shown(start)} and ${shown(length)}`,
    )
  }
  return slice(x, dim, from, from + length)
}

/** The tensors one after the other along an existing dim. */
export function concat<D extends DType>(tensors: readonly Tensor<D>[], dim = 0): Tensor<D> {
  const first = checkTensors('concat', tensors)
  const d = checkDim('concat', dim, first.ndim)
  for (const t of tensors) {
    checkSameDType('concat', first, t)
    if (t.ndim !== first.ndim || t.shape.some((n, i) => i !== d && n !== first.shape[i])) {
      throw new ShapeError(
        `concat: expected shapes equal but for dim ${d}, got ${formatShape(first.shape)} and ${formatShape(t.shape)}`,
      )
    }
  }
  const lengths = tensors.map((t) => t.shape[d] as number)
  const shape = first.shape.map((n, i) => (i === d ? lengths.reduce((a, b) => a + b, 0) : n))
  const out = allocate(first.dtype, shape, rowMajor(shape), sharedRuntime('concat', ...tensors))
  const starts: number[] = []
  let at = 0
  for (const [i, t] of tensors.entries()) {
    starts.push(at)
    copyInto(out, t, d, at)
    at += lengths[i] as number
  }
  return record('concat', out, tensors, [], (dy, _, needs) =>
    tensors.map((_, i) => (needs[i] ? narrow(dy, d, starts[i] as number, lengths[i] as number) : null)),
  )
}

/** The tensors, all of one shape, along a new dim. */
export function stack<D extends DType>(tensors: readonly Tensor<D>[], dim = 0): Tensor<D> {
  const first = checkTensors('stack', tensors)
  const { shape } = first
  const at = checkDim('stack', dim, first.ndim + 1)
  for (const t of tensors) checkSameDType('stack', first, t)
  const odd = tensors.find((t) => t.ndim !== shape.length || t.shape.some((n, i) => n !== shape[i]))
  if (odd) {
    throw new ShapeError(
      `stack: expected tensors of one shape, got ${formatShape(shape)} and ${formatShape(odd.shape)}`,
    )
  }
  return local(() =>
    concat(
      tensors.map((t) => unsqueeze(t, at)),
      at,
    ),
  )
}
