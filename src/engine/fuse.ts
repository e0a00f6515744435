// Commands that are encoded once more together with the one that follows, where one pass over memory does for both. Only
// the command encoded last is taken back: nothing has read its result, and nothing it reads has changed.
import type { DType } from './dtype.js'
import { isDense, sizeOf } from './layout.js'
import { addRelu, Binary, batchNormAdd as encodeBatchNormAdd, opcodeNames } from './opcodes.js'
import type { CommandWriter, Operand } from './writer.js'

interface Result extends Operand {
  readonly dtype: DType
  readonly shape: readonly number[]
  readonly strides: readonly number[]
}

const binary = opcodeNames.indexOf('binary')
const batchNorm = opcodeNames.indexOf('batch_norm')
const batchNormAdd = opcodeNames.indexOf('batch_norm_add')
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

/** A batch norm without limits, and what it reads. */
export interface BatchNorm {
  normal: Operand
  x: Operand
  mean: Operand
  rstd: Operand
  weight: Operand | null
  bias: Operand | null
  rows: number
  c: number
}

/** What is added to a batch norm's result, too. */
export interface NormalSum extends BatchNorm {
  residual: Operand
}

const optional = (fields: Uint32Array, at: number): Operand | null => (fields[at] === 0 ? null : operand(fields, at))
const isWhole = (x: Result, rows: number, c: number): boolean =>
  isDense(x.shape, x.strides) && sizeOf(x.shape) === rows * c

// From x on.
const readByBatchNorm = (fields: Uint32Array) => ({
  ...{ x: operand(fields, 0), mean: operand(fields, 2), rstd: operand(fields, 4) },
  ...{ weight: optional(fields, 6), bias: optional(fields, 8) },
})

// batch_norm: y, what it reads, two sizes from word 12 on, two limits. batch_norm_add: normal, sum, y, what a batch norm
// reads, the residual in word 16, two sizes.

/** Takes back the command that made x, if it was encoded last and is a batch norm without limits. */
export function takeBatchNorm(w: CommandWriter, x: Result): BatchNorm | null {
  const fields = w.last(batchNorm, x.dtype)
  if (!fields || !names(fields, 0, x)) return null
  const [rows, c] = fields.subarray(12) as unknown as [number, number]
  const [low, high] = new Float64Array(fields.slice(14).buffer)
  if (!isWhole(x, rows, c) || low !== Number.NEGATIVE_INFINITY || high !== Number.POSITIVE_INFINITY) return null
  w.retract()
  return { normal: operand(fields, 0), ...readByBatchNorm(fields.subarray(2)), rows, c }
}

/** Takes back the command that made x, if it was encoded last and adds to a batch norm. */
export function takeNormalSum(w: CommandWriter, x: Result): NormalSum | null {
  const fields = w.last(batchNormAdd, x.dtype)
  if (!fields || !names(fields, 2, x) || fields[4] !== 0) return null
  const [rows, c] = fields.subarray(18) as unknown as [number, number]
  if (!isWhole(x, rows, c)) return null
  w.retract()
  const read = readByBatchNorm(fields.subarray(6))
  return { normal: operand(fields, 0), ...read, residual: operand(fields, 16), rows, c }
}

/** sum = normal + residual and, if wanted, y = max(0, sum): normal, and sum beside a y, are not written if released unread. */
export function encodeNormalSum(w: CommandWriter, dtype: DType, s: NormalSum, sum: Operand, y: Operand | null): void {
  encodeBatchNormAdd(w, dtype, { ...s, sum, y })
  w.spare(...(y ? [s.normal, sum] : [s.normal]))
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
