import { ArgumentError, DTypeError } from '../errors.js'
import { formatShape, type Tensor } from '../tensor.js'
import { enableGrad, grad, noGrad, scope } from './autograd.js'
import { tensor } from './create.js'
import { sum } from './reduce.js'

type Double = Tensor<'float64'>
type Fn = (...inputs: Double[]) => Double

export interface GradCheckOptions {
  /** Half of the distance between the two points of a difference; 1e-6 by default. */
  eps?: number
  /** Passes where |analytic − numeric| <= atol + rtol · |numeric|; 1e-5 by default. */
  atol?: number
  /** 1e-3 by default. */
  rtol?: number
}

/** d Σ fn(x) / dx by central differences, in float64; reads results synchronously. */
export function numericGradient(fn: (x: Double) => Double, x: Double, options: { eps?: number } = {}): Double {
  checkDouble('numericGradient', 'x', x)
  const gradient = differences(fn, x, () => 1, options.eps ?? 1e-6)
  return tensor(gradient, { shape: x.shape })
}

/**
 * True if the gradients of fn, weighted over its outputs, equal central differences for every input that requires one; as
 * torch.autograd.gradcheck it throws ArgumentError otherwise, naming input and element. float64, reads synchronously.
 */
export function gradCheck(fn: Fn, inputs: readonly Double[], options: GradCheckOptions = {}): true {
  return check('gradCheck', fn, inputs, options)
}

/** As gradCheck, for the gradients of fn's gradients: that of Σ w · dfn/dinputs with fixed weights w. */
export function gradGradCheck(fn: Fn, inputs: readonly Double[], options: GradCheckOptions = {}): true {
  const first: Fn = (...xs) =>
    enableGrad(() => {
      const asked = xs.filter((_, i) => inputs[i]?.requiresGrad)
      // Where recording is off the inputs are plain numbers of their own.
      for (const x of asked) if (x.isLeaf) x.requiresGrad = true
      const y = fn(...xs)
      const seed = tensor(weights(y.size, 1), { shape: y.shape })
      const gradients = y.requiresGrad ? grad(y, asked, { createGraph: true, gradient: seed, allowUnused: true }) : []
      return gradients.reduce<Double>(
        (total, g, k) => (g ? total.add(sum(g.mul(tensor(weights(g.size, k + 2), { shape: g.shape })))) : total),
        tensor(Float64Array.of(0), { shape: [] }),
      )
    })
  return check('gradGradCheck', first, inputs, options)
}

function check(operation: string, fn: Fn, inputs: readonly Double[], options: GradCheckOptions): true {
  const { eps = 1e-6, atol = 1e-5, rtol = 1e-3 } = options
  for (const [i, x] of inputs.entries()) checkDouble(operation, `inputs[${i}]`, x)
  const asked = inputs.filter((x) => x.requiresGrad)
  if (asked.length === 0) throw new ArgumentError(`${operation}: expected an input with requiresGrad, got none`)
  const analytic = enableGrad(() => scope(() => gradients(fn, inputs, asked).map((g) => g?.dataSync() ?? null)))
  for (const [k, x] of asked.entries()) {
    const place = inputs.indexOf(x)
    const moved = (t: Double) => fn(...inputs.map((other) => (other === x ? t : other.detach())))
    const numeric = differences(moved, x, weightAt, eps)
    for (const [i, expected] of numeric.entries()) {
      const got = analytic[k]?.[i] ?? 0
      if (Math.abs(got - expected) <= atol + rtol * Math.abs(expected)) continue
      throw new ArgumentError(
        `${operation}: expected the gradient of inputs[${place}] (${formatShape(x.shape)}) at element ${i} to be ` +
          `${expected} by central differences, got ${got}`,
      )
    }
  }
  return true
}

function gradients(fn: Fn, inputs: readonly Double[], asked: readonly Double[]): (Double | null)[] {
  const y = fn(...inputs)
  checkDouble('gradCheck', 'the output of fn', y)
  if (!y.requiresGrad) return asked.map(() => null)
  return grad(y, asked, { gradient: tensor(weights(y.size, 0), { shape: y.shape }), allowUnused: true })
}

// Different for each output, so that errors in several cannot cancel.
const weightAt = (i: number, seed = 0): number => 0.5 + Math.abs(Math.sin(1 + 1.7 * i + 0.9 * seed))
const weights = (n: number, seed: number) => Float64Array.from({ length: n }, (_, i) => weightAt(i, seed))

// d Σ weight(i) · fn(x)ᵢ / dx.
function differences(
  fn: (x: Double) => Double,
  x: Double,
  weight: (i: number) => number,
  eps: number,
): Float64Array<ArrayBuffer> {
  const values = Float64Array.from(x.dataSync())
  const at = (i: number, delta: number): Float64Array =>
    noGrad(() =>
      scope(() => {
        const moved = Float64Array.from(values)
        moved[i] = (values[i] as number) + delta
        return fn(tensor(moved, { shape: x.shape })).dataSync()
      }),
    )
  return Float64Array.from(values, (_, i) => {
    const below = at(i, -eps)
    return at(i, eps).reduce((total, v, j) => total + (weight(j) * (v - (below[j] as number))) / (2 * eps), 0)
  })
}

function checkDouble(operation: string, name: string, t: Double): void {
  if (t.dtype === 'float64') return
  throw new DTypeError(`${operation}: expected ${name} to be float64, got ${t.dtype}; convert it with to('float64')`)
}
