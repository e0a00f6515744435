// Trajectories of 100 steps against PyTorch's (test/golden/optim.py): g = A·p − b + p³/4.
import {
  add,
  clone,
  div,
  type FloatDType,
  matmul,
  mul,
  nn,
  norm,
  ones,
  optim,
  reshape,
  sub,
  type Tensor,
  tensor,
  transpose,
  zeros,
} from 'quern'
import { describe, expect, test } from 'vitest'
import { readGolden } from '../golden/read.js'
import { expectClose, numbers } from './values.js'

interface Run {
  optimizer: string
  options: Record<string, never>
  after: Record<string, number[]>
  /** How far a start one rounding off (of float64) leads. */
  moved: Record<string, number>
}

const golden = readGolden<{ A: number[][]; b: number[]; start: number[]; runs: Run[] }>('optim.json')
type AnyOptimizer = optim.Optimizer<optim.GroupOptions>
type Constructor = new (params: unknown, options?: object) => AnyOptimizer
const built = optim as unknown as Record<string, Constructor>
const titled = golden.runs.map((r) => [`${r.optimizer} ${JSON.stringify(r.options)}`, r] as const)

// p after each step of the optimiser that `make` gives, by the golden's gradient.
function follow(p: Tensor<FloatDType>, optimizer: AnyOptimizer, steps: number): void {
  const A = tensor(golden.A, { dtype: p.dtype })
  const b = tensor(golden.b, { dtype: p.dtype })
  for (let step = 0; step < steps; step++) {
    const x = p.detach()
    p.grad = add(sub(matmul(A, x), b), div(mul(mul(x, x), x), 4))
    optimizer.step()
  }
}

const start = <D extends FloatDType>(dtype: D) =>
  tensor(golden.start, { dtype, requiresGrad: true }) as Tensor<FloatDType>
const make = ({ optimizer, options }: Run, p: Tensor<FloatDType>) => new (built[optimizer] as Constructor)([p], options)

describe.each([
  ['float32', 1e-5],
  ['float64', 1e-12],
] as const)('optimisers follow PyTorch in %s', (dtype, tolerance) => {
  test.each(titled)('%s', async (_, run) => {
    const p = start(dtype)
    const optimizer = make(run, p)
    let done = 0
    for (const [steps, expected] of Object.entries(run.after)) {
      follow(p, optimizer, Number(steps) - done)
      done = Number(steps)
      const moved = run.moved[steps] as number
      const rounding = dtype === 'float32' ? 2 ** 29 : 1 // relative to float64's
      const chaos = moved > 1e-12 ? 100 * moved * rounding : 0
      expectClose(await p.data(), expected, Math.max(tolerance, chaos))
    }
  })
})

describe('saved and loaded half-way, they go on bit for bit', () => {
  test.each(titled)('%s', async (_, run) => {
    const p = start('float32')
    const first = make(run, p)
    follow(p, first, 50)
    const q = clone(p.detach())
    q.requiresGrad = true
    const second = new (built[run.optimizer] as Constructor)([q], { lr: 7 })
    second.loadStateDict(first.stateDict())
    follow(p, first, 50)
    follow(q, second, 50)
    expect(await q.data()).toEqual(await p.data())
  })
})

const names = ['SGD', 'Adam', 'AdamW', 'Adagrad', 'Adadelta', 'RMSprop']

describe('what every optimiser takes', () => {
  test.each(names)('%s: l1 and maximize are changes of the gradient', async (name) => {
    const values = [1.5, -2, 0, 0.25, -0.75]
    const [p, q] = [tensor(values, { requiresGrad: true }), tensor(values, { requiresGrad: true })]
    const a = new (built[name] as Constructor)([p], { l1: 0.125, maximize: true, weightDecay: 0 })
    const b = new (built[name] as Constructor)([q], { weightDecay: 0 })
    for (let step = 0; step < 5; step++) {
      const g = tensor([1, 2, -3, step, 0.5])
      p.grad = g
      q.grad = sub(mul(q.detach().sign(), 0.125), g)
      a.step()
      b.step()
    }
    expectClose(await p.data(), await q.data(), 1e-6)
    expect((await p.data())[2]).not.toBe(0)
  })

  test.each(names)('%s: groups have options of their own, tensors of any size', async (name) => {
    const sizes = [0, 1, 17, 40_000, 5]
    const params = sizes.map((n) => tensor(numbers(n, n + 1), { shape: [n], dtype: 'float32', requiresGrad: true }))
    const alone = params.map((p) => {
      const q = clone(p.detach())
      q.requiresGrad = true
      return q
    })
    const lr = (i: number) => (i < 3 ? 0.125 : 0.5)
    const groups = new (built[name] as Constructor)(
      [{ params: params.slice(0, 3) }, { params: params.slice(3), lr: 0.5, weightDecay: 0.25 }],
      { lr: 0.125, weightDecay: 0 },
    )
    const single = alone.map(
      (q, i) => new (built[name] as Constructor)([q], { lr: lr(i), weightDecay: i < 3 ? 0 : 0.25 }),
    )
    for (let step = 0; step < 3; step++) {
      for (const [i, p] of params.entries()) {
        const g = tensor(numbers(p.size, i + 100 * step), { dtype: 'float32' })
        p.grad = g
        ;(alone[i] as Tensor).grad = clone(g)
      }
      groups.step()
      for (const optimizer of single) optimizer.step()
    }
    for (const [i, p] of params.entries()) expect(await p.data()).toEqual(await (alone[i] as Tensor).data())
  })

  test('a gradient in another memory order, and one of another shape', async () => {
    const p = tensor([0, 0, 0, 0, 0, 0], { shape: [2, 3], requiresGrad: true })
    const optimizer = new optim.SGD([p], { lr: 1 })
    p.grad = transpose(reshape(tensor([1, 2, 3, 4, 5, 6]), [3, 2]), 0, 1)
    optimizer.step()
    expect([...(await p.data())]).toEqual([-1, -3, -5, -2, -4, -6])
    expect(() => Object.assign(p, { grad: tensor([1, 2]) })).toThrow(
      /^grad: expected a gradient of float32 2×3, got float32 2$/,
    )
  })
})

// Parameters whose gradients are these numbers; one has none.
function withGradients(dtype: FloatDType = 'float32', sizes = [3, 0, 1, 40_009]): Tensor<FloatDType>[] {
  const params = sizes.map((n, i) => {
    const p = tensor(new Float64Array(n), { dtype, requiresGrad: true }) as Tensor<FloatDType>
    p.grad = tensor(numbers(n, i), { dtype })
    return p
  })
  return [...params, tensor([1], { dtype, requiresGrad: true })]
}
const gradients = async (params: readonly Tensor<FloatDType>[]): Promise<number[]> =>
  (await Promise.all(params.map(async (p) => (p.grad ? [...(await p.grad.data())] : [])))).flat()

// 0.9 of the least float rounds to itself.
test.each([
  ['SGD', { lr: 0.1, momentum: 0.9 }],
  ['Adam', { betas: [0.9, 0.9] }],
  ['AdamW', { betas: [0.9, 0.9] }],
  ['RMSprop', { alpha: 0.9, momentum: 0.9, centered: true }],
  ['Adadelta', { rho: 0.9 }],
])('the state of %s decays to 0, not to denormal values that slow it down', async (name, options) => {
  const p = zeros([19], { requiresGrad: true })
  const optimizer = new (built[name] as Constructor)([p], options)
  for (let step = 0; step < 1100; step++) {
    p.grad = step === 0 ? ones([19]) : zeros([19])
    optimizer.step()
  }
  const decayed = Object.values(optimizer.stateDict().state[0]?.tensors ?? {})
  expect(decayed.length).toBeGreaterThan(0)
  for (const t of decayed) expect(await t.array()).toEqual(new Array(19).fill(0))
})

describe.each(['float32', 'float64'] as const)('clipping in %s', (dtype) => {
  test.each([1, 2, 3.5, Number.POSITIVE_INFINITY])('clipGradNorm with norm %d', async (normType) => {
    const before = await gradients(withGradients(dtype))
    const power = (x: number) => Math.abs(x) ** normType
    const expected =
      normType === Number.POSITIVE_INFINITY
        ? before.reduce((most, x) => Math.max(most, Math.abs(x)), 0)
        : before.reduce((sum, x) => sum + power(x), 0) ** (1 / normType)
    for (const maxNorm of [0.5, 1e9]) {
      const params = withGradients(dtype)
      const total = optim.clipGradNorm(params, maxNorm, { normType })
      expect(total.shape).toEqual([])
      expectClose([await total.item()], [expected], 1e-5)
      const scale = Math.min(1, maxNorm / (expected + 1e-6))
      expectClose(
        await gradients(params),
        before.map((x) => x * scale),
        1e-5,
      )
    }
  })

  test('clipGradValue, and a single tensor', async () => {
    const params = withGradients(dtype)
    const before = await gradients(params)
    optim.clipGradValue(params, 0.25)
    expect(await gradients(params)).toEqual(before.map((x) => Math.max(-0.25, Math.min(0.25, x))))
    const [p] = params as [Tensor<FloatDType>]
    const expected = await norm(p.grad as Tensor<FloatDType>).item()
    expectClose([await optim.clipGradNorm(p, 1).item()], [expected], 1e-6)
  })
})

test('clipping leaves NaN visible, and nothing to clip is a norm of 0', async () => {
  const p = tensor([0, 0, 0], { requiresGrad: true })
  expect(await optim.clipGradNorm([p], 1).item()).toBe(0)
  for (const normType of [2, Number.POSITIVE_INFINITY]) {
    p.grad = tensor([1, Number.NaN, 2])
    optim.clipGradValue([p], 0.5)
    expect([...(await (p.grad as Tensor).data())]).toEqual([0.5, Number.NaN, 0.5])
    expect(await optim.clipGradNorm([p], 1, { normType }).item()).toBeNaN()
  }
})

test('a norm clipped after backward', async () => {
  const layer = new nn.Linear(3, 2)
  layer
    .forward(tensor([[1, 2, 3]]))
    .sum()
    .mul(100)
    .backward()
  optim.clipGradNorm(layer.parameters(), 1)
  const [w, b] = layer.parameters() as [Tensor, Tensor]
  const squares = [...(await (w.grad as Tensor).data()), ...(await (b.grad as Tensor).data())].map((g) => g * g)
  expect(squares.reduce((x, y) => x + y)).toBeCloseTo(1, 5)
})
