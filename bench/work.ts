// What a row asks of every contestant, as plain data: it crosses to the peers' processes as JSON.

export type Pass = 'forward' | 'data' | 'weights'

export interface Gemm {
  op: 'gemm'
  m: number
  n: number
  k: number
  /** The operands as they lie in memory: 'nn', 'nt', 'tn', 'tt'. */
  transposes: string
}
export interface Conv {
  op: 'conv'
  n: number
  c: number
  h: number
  w: number
  k: number
  kernel: number
  stride: number
  padding: number
  groups: number
  pass: Pass
}
export interface Pool {
  op: 'max-pool' | 'avg-pool'
  n: number
  c: number
  h: number
  w: number
  kernel: number
  stride: number
  padding: number
  pass: 'forward' | 'backward'
}
export interface Pointwise {
  op: 'add-relu' | 'dropout'
  n: number
  c: number
  h: number
  w: number
  pass: 'forward' | 'backward'
}
export interface BatchNormRelu {
  op: 'batch-norm'
  n: number
  c: number
  h: number
  w: number
}
export interface CrossEntropy {
  op: 'cross-entropy'
  rows: number
  classes: number
}
export interface Optimize {
  op: 'optimizer'
  kind: 'adamw' | 'adam' | 'sgd'
  /** Elements of each parameter. */
  sizes: number[]
}
export interface Train {
  op: 'train'
  model: string
  batch: number
  /** Waits for the loss of every step, as a loop that prints it does. */
  awaited?: boolean
}
export interface Infer {
  op: 'infer'
  model: string
  batch: number
}
/** Additions of tiny tensors: the time of each in the command stream; with encode only that of writing the commands. */
export interface Additions {
  op: 'additions'
  encode: boolean
  recorded: boolean
}

export type Work = Gemm | Conv | Pool | Pointwise | BatchNormRelu | CrossEntropy | Optimize | Train | Infer | Additions

/** The size of a convolution's or pool's output. */
export const outputSize = (
  size: number,
  { kernel, stride, padding }: { kernel: number; stride: number; padding: number },
) => Math.floor((size + 2 * padding - kernel) / stride) + 1

export const gemmFlops = ({ m, n, k }: Gemm): number => 2 * m * n * k

/** Multiplications and additions of one pass. */
export function convFlops(c: Conv): number {
  const pixels = c.n * outputSize(c.h, c) * outputSize(c.w, c)
  return 2 * pixels * c.k * (c.c / c.groups) * c.kernel ** 2
}

/** The bytes that one pass must move at least: input, weights and output, float32. */
export function convBytes(c: Conv): number {
  const output = c.n * c.k * outputSize(c.h, c) * outputSize(c.w, c)
  return 4 * (c.n * c.c * c.h * c.w + output + c.k * (c.c / c.groups) * c.kernel ** 2)
}
