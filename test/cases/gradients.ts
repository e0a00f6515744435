// What the gradient checks share: arguments in every memory layout, and the loop over them. Every operation is checked, first
// and second order, on 20 sets of arguments or more: float64 runs through the reference kernels on every instruction set, so
// all of them (over 3,000) run on the reference project and on WASM, and every eighth elsewhere.
import { expand, gradCheck, gradGradCheck, narrow, permute, slice, type Tensor, tensor } from 'quern'
import { describe, expect, test } from 'vitest'
import { numbers } from './values.js'

export type F = Tensor<'float64'>
export type Fn = (...xs: F[]) => F

/** The shape of an argument and the range of its values, 0.3 to 1.7 unless told. */
export interface Argument {
  shape: readonly number[]
  low?: number
  high?: number
  /** No two values near each other, for what is not smooth where they are equal. */
  apart?: boolean
}
/** Options (for the name alone), the function of the arguments, and these. */
export type Case = readonly [options: unknown, fn: Fn, ...Argument[]]

const everything = process.env.QUERN_ISA === 'reference' || process.env.QUERN_BACKEND === 'wasm'
const tolerance = { atol: 1e-6, rtol: 1e-6, eps: 1e-5 }

function values({ low = 0.3, high = 1.7, apart = false }: Argument, count: number, seed: number): Float64Array {
  const random = numbers(count, seed, low, high)
  if (!apart) return random
  const order = [...random.keys()].sort((a, b) => (random[a] as number) - (random[b] as number))
  return Float64Array.from(order, (place) => low + ((high - low) * (place + 0.5)) / count)
}

type Layout = (dense: (shape: readonly number[]) => F, shape: readonly number[]) => F
const inMemoryOrder =
  (order: (rank: number) => number[]): Layout =>
  (dense, shape) => {
    const dims = order(shape.length)
    return permute(
      dense(dims.map((d) => shape[d] as number)),
      dims.map((_, i) => dims.indexOf(i)),
    )
  }
const range = (n: number) => Array.from({ length: n }, (_, i) => i)
const resized = (shape: readonly number[], dim: number, size: number) => shape.map((n, i) => (i === dim ? size : n))

const layouts: Record<string, Layout> = {
  dense: (dense, shape) => dense(shape),
  reversed: inMemoryOrder((rank) => range(rank).reverse()),
  gapped: (dense, shape) => {
    const last = shape.length - 1
    return last < 0
      ? dense(shape)
      : slice(dense(resized(shape, last, 2 * (shape[last] as number))), last, 1, undefined, 2)
  },
  'channels-last': inMemoryOrder((rank) => (rank > 2 ? [0, ...range(rank).slice(2), 1] : range(rank).reverse())),
  offset: (dense, shape) => {
    const n = shape[0]
    return n === undefined ? dense(shape) : narrow(dense(resized(shape, 0, n + 1)), 0, 1, n)
  },
  expanded: (dense, shape) =>
    expand(
      dense(
        resized(
          shape,
          shape.findIndex((n) => n > 1),
          1,
        ),
      ),
      shape,
    ),
}
const names = Object.keys(layouts)

function make(argument: Argument, layout: string, seed: number): F {
  const dense = (shape: readonly number[]) => {
    const count = shape.reduce((a, b) => a * b, 1)
    return tensor(Float64Array.from(values(argument, count, seed)), { shape })
  }
  return (layouts[layout] as Layout)(dense, argument.shape).detach().requiresGrad_()
}

/** Checks fn's first and second derivatives there, to 1e-6. */
export function checkBoth(fn: Fn, inputs: readonly F[]): void {
  expect(gradCheck(fn, inputs, tolerance)).toBe(true)
  expect(gradGradCheck(fn, inputs, tolerance)).toBe(true)
}

let count = 0

/** Checks an operation's gradients in all cases, each in as many layouts as it takes to have 20 sets of arguments. */
export function gradients(operation: string, cases: readonly Case[]): void {
  const rounds = Math.ceil(20 / cases.length)
  if (rounds > 3) throw new Error(`${operation}: expected 7 cases or more, got ${cases.length}`)
  const sets = range(rounds).flatMap((round) =>
    cases.map(([options, fn, ...inputs], i) => {
      const laid = inputs.map((argument, k) => {
        const layout = names[(i + 2 * round + k) % names.length] as string
        return { argument, layout: argument.apart && layout === 'expanded' ? 'offset' : layout, seed: 3 + 5 * k }
      })
      const label = laid.map(({ argument, layout }) => `${argument.shape.join('×')} ${layout}`).join(', ')
      return [`${label} ${options === null ? '' : JSON.stringify(options)}`, fn, laid] as const
    }),
  )
  const chosen = sets.filter(() => everything || count++ % 8 === 0)
  describe(operation, () => {
    test.each(chosen)('%s', (_, fn, laid) =>
      checkBoth(
        fn,
        laid.map(({ argument, layout, seed }) => make(argument, layout, seed)),
      ),
    )
  })
}

/** Shapes of all kinds: scalars, size 1, primes, empty. */
export const shapes: readonly (readonly number[])[] = [
  [],
  [1],
  [3],
  [0],
  [7],
  [2, 3],
  [1, 3],
  [3, 1],
  [2, 0],
  [0, 2],
  [4, 2],
  [1, 1],
  [1, 2, 2],
  [2, 1, 3],
  [3, 2, 2],
  [2, 0, 3],
  [2, 3, 1],
  [1, 1, 4],
  [2, 1, 2, 1],
  [1, 2, 1, 3],
  [2, 2, 1, 2],
  [1, 2, 2, 2],
  [2, 1, 1, 3],
  [1, 1, 1, 1],
]

/** An operation of one tensor on all shapes. */
export const unary = (operation: string, fn: Fn, range: Omit<Argument, 'shape'> = {}): void =>
  gradients(
    operation,
    shapes.map((shape) => [null, fn, { shape, ...range }]),
  )

/** Arguments of these shapes. */
export const sized = (...all: (readonly number[])[]): Argument[] => all.map((shape) => ({ shape }))
