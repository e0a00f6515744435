// Commands that are encoded once more together with the one that follows, where one pass over memory does for both. Only
// the command encoded last is taken back: nothing has read its result, and nothing it reads has changed.
import type { DType } from './dtype.js'
import { isDense, sizeOf } from './layout.js'
import { addRelu, Binary, opcodeNames } from './opcodes.js'
import type { CommandWriter, Operand } from './writer.js'

interface Result extends Operand {
  readonly dtype: DType
  readonly shape: readonly number[]
  readonly strides: readonly number[]
}

const binary = opcodeNames.indexOf('binary')
const conv2d = opcodeNames.indexOf('conv2d')
const dataGradient = opcodeNames.indexOf('conv2d_backward_data')

const operand = (fields: Uint32Array, at: number): Operand => ({
  storage: { id: fields[at] as number },
  offset: fields[at + 1] as number,
})
const names = (fields: Uint32Array, at: number, x: Operand): boolean =>
  fields[at] === x.storage.id && fields[at + 1] === x.offset

/** The sum of two dense tensors. */
export interface Sum {
  a: Operand
  b: Operand
  n: number
}

/** Takes back the command that made x, if it was encoded last and adds dense tensors. */
export function takeSum(w: CommandWriter, x: Result): Sum | null {
  const fields = w.last(binary, x.dtype)
  if (!fields || !names(fields, 0, x) || !isDense(x.shape, x.strides)) return null
  const [kind, rank, n, ...strides] = fields.subarray(6)
  if (kind !== Binary.add || rank !== 1 || n !== sizeOf(x.shape) || strides.some((s) => s !== 1)) return null
  w.retract()
  return { a: operand(fields, 2), b: operand(fields, 4), n }
}

/** y = max(0, x), x being the sum, which is not even written if it is released before anything else reads it. */
export function encodeReluOfSum(w: CommandWriter, x: Result, y: Operand, sum: Sum): void {
  addRelu(w, x.dtype, { sum: x, y, ...sum })
  w.spare(x)
}

/** What batch_norm_stats computes of a convolution's result. */
export interface Statistics {
  mean: Operand
  rstd: Operand
  running: readonly Operand[]
  eps: number
  momentum: number
}
// They are the last fields of conv2d: two operands, a list of none, two doubles.
const noStatistics = 9

/** Takes back the convolution that made x (N,C,H,W channels-last), if it was encoded last: its fields but the statistics. */
export function takeConv2d(w: CommandWriter, x: Result): Uint32Array | null {
  const fields = w.last(conv2d, x.dtype)
  if (!fields || !names(fields, 0, x)) return null
  const [n, , , , c, h, width] = fields.subarray(8)
  const [mean] = fields.subarray(-noStatistics)
  if (mean !== 0 || [n, c, h, width].some((size, i) => size !== x.shape[i])) return null
  w.retract()
  return fields.subarray(0, -noStatistics)
}

/** The convolution again, with statistics. */
export function encodeConv2dStatistics(w: CommandWriter, dtype: DType, fields: Uint32Array, s: Statistics): void {
  w.begin(conv2d, dtype)
  for (const word of fields) w.i32(word)
  w.operand(s.mean)
  w.operand(s.rstd)
  w.operands(s.running)
  w.f64(s.eps)
  w.f64(s.momentum)
  w.end()
}

// Of conv2d_backward_data, after three operands.
const residual = 6

/** Takes back the convolution's gradient to its data that is x, if it was encoded last and has no residual: its fields. */
export function takeDataGradient(w: CommandWriter, x: Result): Uint32Array | null {
  const fields = w.last(dataGradient, x.dtype)
  if (!fields || !names(fields, 0, x) || fields[residual] !== 0) return null
  w.retract()
  return fields
}

/** The gradient again, and a tensor of its layout that is added to it. */
export function encodeDataGradientSum(w: CommandWriter, dtype: DType, fields: Uint32Array, added: Operand): void {
  w.begin(dataGradient, dtype)
  for (const word of fields.subarray(0, residual)) w.i32(word)
  w.operand(added)
  for (const word of fields.subarray(residual + 2)) w.i32(word)
  w.end()
}
