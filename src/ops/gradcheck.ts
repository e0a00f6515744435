import { ArgumentError, DTypeError } from '../errors.js'
import { formatShape, type Tensor } from '../tensor.js'
import { enableGrad, grad, noGrad, scope } from './autograd.js'
import { tensor, zeros } from './create.js'
import { add } from './elementwise.js'
import { concat, flatten } from './view.js'

type Double = Tensor<'float64'>
type Fn = (...inputs: Double[]) => Double
type Row = Float64Array

export interface GradCheckOptions {
  /** Half of the distance between the two points of a difference; 1e-6 by default. */
  eps?: number
  /** Passes where |analytic − numeric| <= atol + rtol · |numeric|; 1e-5 by default. */
  atol?: number
  /** 1e-3 by default. */
  rtol?: number
  /** Compare one weighted sum of the outputs, which takes one backward, instead of every output; false by default. */
  fastMode?: boolean
}

/** d Σ fn(x) / dx by central differences, in float64; reads results synchronously. */
export function numericGradient(fn: (x: Double) => Double, x: Double, options: { eps?: number } = {}): Double {
  checkDouble('numericGradient', 'x', x)
  const columns = differences(fn, x, options.eps ?? 1e-6)
  return tensor(Float64Array.from(columns, total), { shape: x.shape })
}

/**
 * True if the whole Jacobian of fn equals central differences, for every input that requires a gradient; as
 * torch.autograd.gradcheck it throws ArgumentError otherwise, naming output, input and element, for NaN too. float64, reads
 * synchronously.
 */
export function gradCheck(fn: Fn, inputs: readonly Double[], options: GradCheckOptions = {}): true {
  return check('gradCheck', fn, inputs, options)
}

/** As gradCheck, for the gradients of fn as a function: of its inputs, and of the gradient of its output (the last input). */
export function gradGradCheck(fn: Fn, inputs: readonly Double[], options: GradCheckOptions = {}): true {
  const shape = noGrad(() => scope(() => fn(...inputs).shape))
  const dy = tensor(weights(shape.reduce((a, b) => a * b, 1)), { shape, requiresGrad: true })
  const first: Fn = (...all) =>
    enableGrad(() => {
      const xs = all.slice(0, -1)
      const asked = xs.filter((_, i) => inputs[i]?.requiresGrad)
      // Where recording is off the inputs are plain numbers of their own.
      for (const x of asked) if (x.isLeaf) x.requiresGrad = true
      const y = fn(...xs)
      const found = y.requiresGrad
        ? grad(y, asked, { createGraph: true, gradient: all.at(-1) as Double, allowUnused: true })
        : []
      return concat(asked.map((x, k) => flatten(found[k] ?? zeros(x.shape, { dtype: 'float64' }))))
    })
  return check('gradGradCheck', first, [...inputs, dy], options)
}

function check(operation: string, fn: Fn, inputs: readonly Double[], options: GradCheckOptions): true {
  const { eps = 1e-6, atol = 1e-5, rtol = 1e-3, fastMode = false } = options
  for (const [i, x] of inputs.entries()) checkDouble(operation, `inputs[${i}]`, x)
  const asked = inputs.filter((x) => x.requiresGrad)
  if (asked.length === 0) throw new ArgumentError(`${operation}: expected an input with requiresGrad, got none`)
  const analytic = enableGrad(() => scope(() => jacobian(operation, fn, inputs, asked, fastMode)))
  const close = (got: number, expected: number) =>
    Number.isFinite(expected) && Math.abs(got - expected) <= atol + rtol * Math.abs(expected)
  for (const [k, x] of asked.entries()) {
    const place = inputs.indexOf(x)
    const moved = (t: Double) => fn(...inputs.map((other) => (other === x ? t : other.detach())))
    for (const [i, column] of differences(moved, x, eps).entries()) {
      const numeric = fastMode ? Float64Array.of(weighted(column)) : column
      const j = numeric.findIndex((expected, j) => !close(analytic[j]?.[k]?.[i] ?? 0, expected))
      if (j < 0) continue
      throw new ArgumentError(
        `${operation}: expected the gradient of ${fastMode ? 'the weighted outputs' : `output element ${j}`} to ` +
          `inputs[${place}] (${formatShape(x.shape)}) at element ${i} to be ${numeric[j]} by central differences, got ` +
          `${analytic[j]?.[k]?.[i] ?? 0}`,
      )
    }
  }
  return true
}

// The gradients of each output element, or of all weighted, to each input asked for; null of what fn does not depend on.
function jacobian(
  operation: string,
  fn: Fn,
  inputs: readonly Double[],
  asked: readonly Double[],
  fastMode: boolean,
): (Row | null)[][] {
  const y = fn(...inputs)
  checkDouble(operation, 'the output of fn', y)
  if (!y.requiresGrad) return []
  // One at least, so that backward runs.
  const seeds = fastMode || y.size === 0 ? [weights(y.size)] : Array.from({ length: y.size }, (_, j) => unit(y.size, j))
  return seeds.map((seed) =>
    scope(() => {
      const gradient = tensor(seed, { shape: y.shape })
      return grad(y, asked, { gradient, retainGraph: true, allowUnused: true }).map((g) => g?.dataSync() ?? null)
    }),
  )
}

const unit = (n: number, place: number, value = 1) => new Float64Array(n).fill(value, place, place + 1)
// Different for each output, so that errors in several cannot cancel.
const weightAt = (i: number): number => 0.5 + Math.abs(Math.sin(1 + 1.7 * i))
const weights = (n: number) => Float64Array.from({ length: n }, (_, i) => weightAt(i))
const total = (column: Row): number => column.reduce((a, b) => a + b, 0)
const weighted = (column: Row): number => total(column.map((v, i) => v * weightAt(i)))

// d fn(x) / dxᵢ for each i, x keeping its memory order.
function differences(fn: (x: Double) => Double, x: Double, eps: number): Row[] {
  const at = (i: number, delta: number): Row =>
    noGrad(() =>
      scope(() => {
        const step = tensor(unit(x.size, i, delta), { shape: x.shape })
        return fn(add(x.detach(), step)).dataSync()
      }),
    )
  return Array.from({ length: x.size }, (_, i) => {
    const below = at(i, -eps)
    return at(i, eps).map((v, j) => (v - (below[j] as number)) / (2 * eps))
  })
}

function checkDouble(operation: string, name: string, t: Double): void {
  if (t.dtype === 'float64') return
  throw new DTypeError(`${operation}: expected ${name} to be float64, got ${t.dtype}; convert it with to('float64')`)
}
