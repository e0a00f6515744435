// Splitting, padding, reversing and repeating.
import { coalesce, rowMajor } from '../engine/layout.js'
import * as opcodes from '../engine/opcodes.js'
import { local } from '../engine/scope.js'
import { shown } from '../engine/shown.js'
import { record } from '../engine/tape.js'
import { ArgumentError, ShapeError } from '../errors.js'
import { type AnyTensor, allocate, type DType, formatShape, sharedRuntime, type Tensor } from '../tensor.js'
import { checkDim, checkDims, checkInteger, checkList, checkOptions, checkTensor, checkValue } from './check.js'
import { tensor } from './create.js'
import { indexSelect } from './indexing.js'
import { contiguous, expand, narrow, reshape } from './view.js'

/** Views of x along dim, each `sizes` long (the last shorter if need be), or as long as the list of sizes says. */
export function split<D extends DType>(x: Tensor<D>, sizes: number | readonly number[], dim = 0): Tensor<D>[] {
  checkTensor('split', 'x', x)
  const d = checkDim('split', dim, x.ndim)
  const n = x.shape[d] as number
  const lengths =
    typeof sizes === 'number' ? evenly(n, checkInteger('split', 'sizes', sizes, 1)) : checkList('split', 'sizes', sizes)
  for (const length of lengths) checkInteger('split', 'sizes', length, 0)
  const total = lengths.reduce((a, b) => a + b, 0)
  if (total !== n) {
    throw new ShapeError(
      `split: expected sizes that add up to shape[${d}] = ${n}, got ${lengths.join(' + ')} = ${total}`,
    )
  }
  let start = 0
  return lengths.map((length) => {
    start += length
    return narrow(x, d, start - length, length)
  })
}

const evenly = (n: number, size: number): number[] =>
  Array.from({ length: Math.max(1, Math.ceil(n / size)) }, (_, i) => Math.min(size, n - i * size))

/** At most `chunks` views of x along dim, all of one length but for the last. */
export function chunk<D extends DType>(x: Tensor<D>, chunks: number, dim = 0): Tensor<D>[] {
  checkTensor('chunk', 'x', x)
  const d = checkDim('chunk', dim, x.ndim)
  checkInteger('chunk', 'chunks', chunks, 1)
  return split(x, Math.max(1, Math.ceil((x.shape[d] as number) / chunks)), d)
}

type IndexedMode = keyof typeof sources

export interface PadOptions {
  /** 'constant' by default; 'reflect' mirrors at the edges without repeating them, 'replicate' repeats them, 'circular' goes around. */
  mode?: 'constant' | IndexedMode
  /** What 'constant' pads with; 0 by default. */
  value?: number
}

/** x with pads[0] entries before and pads[1] after its last dimension, the next pair around the one before, and so on. */
export function pad<D extends DType>(x: Tensor<D>, pads: readonly number[], options: PadOptions = {}): Tensor<D> {
  checkTensor('pad', 'x', x)
  checkOptions('pad', options)
  const mode = options.mode ?? 'constant'
  const value = checkValue('pad', 'value', options.value ?? 0)
  if (mode !== 'constant' && !Object.hasOwn(sources, mode)) {
    throw new ArgumentError(
      `pad: expected mode to be 'constant', 'reflect', 'replicate' or 'circular', got ${shown(mode)}`,
    )
  }
  const pairs = checkPads(x, pads, mode)
  if (mode !== 'constant') return local(() => padByIndex(x, pairs, mode))
  return local(() => {
    // Negative pads cut off.
    const cut = pairs.reduce(
      (t, [before, after], d) =>
        narrow(t, d, Math.max(0, -before), (t.shape[d] as number) + Math.min(0, before) + Math.min(0, after)),
      x as Tensor<D>,
    )
    const rest = pairs.map(([before, after]): [number, number] => [Math.max(0, before), Math.max(0, after)])
    return padConstant(cut, rest, value)
  })
}

// [before, after] of each dimension, the first first.
function checkPads(x: AnyTensor, pads: readonly number[], mode: string): [number, number][] {
  if (!Array.isArray(pads) || pads.length % 2 !== 0 || pads.length > 2 * x.ndim) {
    throw new ArgumentError(
      `pad: expected pads in pairs, at most ${x.ndim} of them (input ${formatShape(x.shape)}), got ${shown(pads)}`,
    )
  }
  return x.shape.map((n, d) => {
    const at = 2 * (x.ndim - 1 - d)
    const [before, after] = [pads[at] ?? 0, pads[at + 1] ?? 0] as [number, number]
    for (const amount of [before, after]) checkInteger('pad', 'pads', amount, -n)
    if (Math.min(0, before) + Math.min(0, after) + n < 0) {
      throw new ShapeError(`pad: expected pads that leave something of shape[${d}] = ${n}, got ${before} and ${after}`)
    }
    const most = mode === 'reflect' ? n - 1 : mode === 'circular' || (mode === 'replicate' && n === 0) ? n : Infinity
    if (Math.max(before, after) > Math.max(0, most)) {
      throw new ShapeError(
        `pad: expected pads of at most ${Math.max(0, most)} around shape[${d}] = ${n} in mode '${mode}', got ${before} and ${after}`,
      )
    }
    return [before, after]
  })
}

function padConstant<D extends DType>(x: Tensor<D>, pairs: readonly [number, number][], value: number): Tensor<D> {
  if (pairs.every(([before, after]) => before === 0 && after === 0)) return x
  const runtime = sharedRuntime('pad', x)
  const shape = x.shape.map((n, d) => n + (pairs[d]?.[0] ?? 0) + (pairs[d]?.[1] ?? 0))
  const out = allocate(x.dtype, shape, rowMajor(shape), runtime)
  opcodes.fill(runtime.encode(), x.dtype, { out, n: out.size, value: x.dtype === 'bool' ? Number(value !== 0) : value })
  if (x.size > 0) {
    const offset = pairs.reduce((sum, [before], d) => sum + before * (out.strides[d] as number), out.offset)
    const target = { storage: out.storage, offset }
    opcodes.copy(runtime.encode(), x.dtype, { out: target, x, ...coalesce(x.shape, [out.strides, x.strides]) })
  }
  const from = x.shape
  return record('pad', out, [x], [], (dy) => [
    local(() => from.reduce((t, n, d) => narrow(t, d, pairs[d]?.[0] ?? 0, n), dy as AnyTensor)),
  ])
}

// Where entry i of a padded dimension comes from, among those from 0 to last.
const sources = {
  reflect: (i: number, last: number) => (i < 0 ? -i : i > last ? 2 * last - i : i),
  replicate: (i: number, last: number) => Math.min(last, Math.max(0, i)),
  circular: (i: number, last: number) => (i + last + 1) % (last + 1),
}

// What negative pads cut off is still mirrored, as in PyTorch.
function padByIndex<D extends DType>(x: Tensor<D>, pairs: readonly [number, number][], mode: IndexedMode): Tensor<D> {
  return pairs.reduce((t, [before, after], d) => {
    if (before === 0 && after === 0) return t
    const n = t.shape[d] as number
    const source = (_: unknown, i: number) => sources[mode](i - before, n - 1)
    return indexSelect(t, d, tensor(Int32Array.from({ length: before + n + after }, source)))
  }, x)
}

/** x with the order of its entries reversed along dims. */
export function flip<D extends DType>(x: Tensor<D>, dims: number | readonly number[]): Tensor<D> {
  checkTensor('flip', 'x', x)
  const reversed = checkDims('flip', dims, x.ndim)
  const runtime = sharedRuntime('flip', x)
  const out = allocate(x.dtype, x.shape, rowMajor(x.shape), runtime)
  if (x.size > 0) {
    const strides = x.strides.map((s, d) => (reversed.includes(d) ? -s : s))
    const offset = reversed.reduce((sum, d) => sum + ((x.shape[d] as number) - 1) * (x.strides[d] as number), x.offset)
    const source = { storage: x.storage, offset }
    opcodes.copy(runtime.encode(), x.dtype, { out, x: source, ...coalesce(x.shape, [out.strides, strides]) })
  }
  return record('flip', out, [x], [], (dy) => [flip(dy, reversed)])
}

/** x laid side by side repeats[d] times along each dimension; of fewer repeats than dimensions the first are 1. */
export function tile<D extends DType>(x: Tensor<D>, repeats: readonly number[]): Tensor<D> {
  checkTensor('tile', 'x', x)
  checkRepeats('tile', repeats)
  return repeated(x, [...x.shape.slice(repeats.length).map(() => 1), ...repeats])
}

/** x laid side by side repeats[d] times along each dimension; more repeats than dimensions add some in front. */
export function repeat<D extends DType>(x: Tensor<D>, repeats: readonly number[]): Tensor<D> {
  checkTensor('repeat', 'x', x)
  checkRepeats('repeat', repeats)
  if (repeats.length < x.ndim) {
    throw new ShapeError(
      `repeat: expected at least ${x.ndim} repeats (input ${formatShape(x.shape)}), got ${shown(repeats)}`,
    )
  }
  return repeated(x, repeats)
}

function checkRepeats(operation: string, repeats: readonly number[]): void {
  for (const n of checkList(operation, 'repeats', repeats)) checkInteger(operation, 'repeats', n, 0)
}

function repeated<D extends DType>(x: Tensor<D>, repeats: readonly number[]): Tensor<D> {
  const shape = [...repeats.slice(x.ndim).map(() => 1), ...x.shape]
  return local(() => {
    // A dimension in front of each that repeats.
    const apart = shape.flatMap((n, d) => (repeats[d] === 1 ? [n] : [1, n]))
    const spread = shape.flatMap((n, d) => (repeats[d] === 1 ? [n] : [repeats[d] as number, n]))
    const size = shape.map((n, d) => n * (repeats[d] as number))
    return reshape(contiguous(expand(reshape(x, apart), spread)), size)
  })
}
