// Shapes and strides, in elements. Images are logically (N,C,H,W) and physically channels-last.

/** The most elements of a tensor: commands hold words of 32 bits. */
export const maxSize = 2 ** 31 - 1

export const sizeOf = (shape: readonly number[]): number => {
  let size = 1
  for (let i = 0; i < shape.length; i++) size *= shape[i] as number
  return size
}

export function rowMajor(shape: readonly number[]): number[] {
  const strides = new Array<number>(shape.length)
  let step = 1
  for (let i = shape.length - 1; i >= 0; i--) {
    strides[i] = step
    step *= Math.max(1, shape[i] as number)
  }
  return strides
}

export const sameShape = (a: readonly number[], b: readonly number[]): boolean =>
  a.length === b.length && a.every((n, i) => n === b[i])

/** Strides of an image batch (N,C,H,W) whose channels lie side by side. */
export function channelsLast(shape: readonly number[]): number[] {
  const [n, c, h, w] = shape as [number, number, number, number]
  const strides = rowMajor([n, h, w, c])
  return [strides[0], strides[3], strides[1], strides[2]] as number[]
}

/** Whether the strides reach the same elements as `wanted`; those of dimensions of size 1 do not matter. */
export function sameLayout(shape: readonly number[], strides: readonly number[], wanted: readonly number[]): boolean {
  for (let i = 0; i < shape.length; i++) {
    if (strides[i] !== wanted[i] && (shape[i] as number) > 1) return false
  }
  return true
}

export const isRowMajor = (shape: readonly number[], strides: readonly number[]): boolean => {
  let step = 1
  for (let i = shape.length - 1; i >= 0; i--) {
    const size = shape[i] as number
    if (size === 0) return true
    if (size > 1) {
      if (strides[i] !== step) return false
      step *= size
    }
  }
  return true
}

/** Whether the elements fill one stretch of memory without gaps or overlap, in whatever order of dimensions. */
export function isDense(shape: readonly number[], strides: readonly number[]): boolean {
  if (isRowMajor(shape, strides)) return true
  const order = shape.map((_, i) => i).filter((i) => (shape[i] as number) > 1)
  order.sort((a, b) => (strides[b] as number) - (strides[a] as number))
  let step = 1
  for (const i of order.reverse()) {
    if (strides[i] !== step) return false
    step *= shape[i] as number
  }
  return true
}

/** Strides of a dense tensor of this shape whose dimensions lie in the same order in memory as those of `like`. */
export function denseLike(shape: readonly number[], like: readonly number[]): number[] {
  const order = shape.map((_, i) => i)
  order.sort((a, b) => (like[b] as number) - (like[a] as number) || a - b)
  const strides = new Array<number>(shape.length)
  let step = 1
  for (const i of order.reverse()) {
    strides[i] = step
    step *= Math.max(1, shape[i] as number)
  }
  return strides
}

interface Layout {
  readonly shape: readonly number[]
  readonly strides: readonly number[]
}

/** Strides that keep a permuted layout (channels-last images) through elementwise operations. */
export function stridesFor(shape: readonly number[], operands: readonly Layout[]): readonly number[] {
  for (const t of operands) {
    if (sameShape(t.shape, shape) && isDense(t.shape, t.strides)) return denseLike(shape, t.strides)
  }
  return rowMajor(shape)
}

/** The loop nest over several operands of one shape: rank, then what a command's LIST holds. */
export interface LoopNest {
  rank: number
  layout: number[]
}

/**
 * Sorts the dimensions by the first operand's strides and merges those that all operands walk through in one stride, so
 * that kernels meet few and long loops.
 */
export function coalesce(shape: readonly number[], operands: readonly (readonly number[])[]): LoopNest {
  const first = operands[0] as readonly number[]
  if (isRowMajor(shape, first) && operands.every((s) => s === first || sameLayout(shape, s, first))) {
    return { rank: 1, layout: [sizeOf(shape), ...operands.map(() => 1)] }
  }
  const order: number[] = []
  for (let i = 0; i < shape.length; i++) if (shape[i] !== 1) order.push(i)
  order.sort((a, b) => Math.abs(first[b] as number) - Math.abs(first[a] as number) || a - b)
  const sizes: number[] = []
  const strides: number[][] = operands.map(() => [])
  for (const i of order) {
    const last = sizes.length - 1
    const merges =
      last >= 0 && operands.every((s, k) => (strides[k] as number[])[last] === (s[i] as number) * (shape[i] as number))
    if (merges) {
      sizes[last] = (sizes[last] as number) * (shape[i] as number)
      operands.forEach((s, k) => {
        ;(strides[k] as number[])[last] = s[i] as number
      })
    } else {
      sizes.push(shape[i] as number)
      operands.forEach((s, k) => {
        ;(strides[k] as number[]).push(s[i] as number)
      })
    }
  }
  return { rank: sizes.length, layout: sizes.concat(...strides) }
}
