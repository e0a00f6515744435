// Higher derivatives, hooks, retained gradients, leaves, and what all of it leaves behind in memory.
import {
  checkpoint,
  crossEntropy,
  dropout,
  enableGrad,
  exp,
  grad,
  isGradEnabled,
  manualSeed,
  mul,
  noGrad,
  ones,
  runtime,
  sum,
  synchronize,
  type Tensor,
  tensor,
} from 'quern'
import { expect, test } from 'vitest'

const w = (...values: number[]) => tensor(values, { requiresGrad: true })

test('derivatives of every order of x⁴', () => {
  const x = tensor(Float64Array.of(1.5), { requiresGrad: true })
  let y = x.pow(4).sum()
  for (const expected of [4 * 1.5 ** 3, 12 * 1.5 ** 2, 24 * 1.5, 24]) {
    y = (grad(y, [x], { createGraph: true })[0] as Tensor<'float64'>).sum()
    expect(y.itemSync()).toBeCloseTo(expected, 10)
  }
})

test('backward with createGraph gives a grad that can be differentiated and is not changed afterwards', () => {
  const x = w(2, 3)
  sum(x.pow(3)).backward({ createGraph: true })
  const first = x.grad as Tensor
  expect(first.requiresGrad).toBe(true)
  const [second] = grad(sum(first), [x])
  expect(second?.dataSync()).toEqual(Float32Array.of(12, 18))
  sum(x).backward()
  expect(first.dataSync()).toEqual(Float32Array.of(12, 27))
  expect(x.grad?.dataSync()).toEqual(Float32Array.of(13, 28))
})

test('retainGraph and allowUnused', () => {
  const [a, b] = [w(2), w(3)]
  const y = mul(a, a)
  expect(grad(y, [a, b], { allowUnused: true, retainGraph: true })[1]).toBeNull()
  expect(grad(y, [a])[0]?.itemSync()).toBe(4)
  expect(() => grad(y, [a])).toThrow(/graph that backward has not consumed/)
})

test('hooks see and replace gradients of leaves and results, until removed', () => {
  const x = w(1, 2)
  const seen: number[][] = []
  const y = x.mul(3)
  const removeLeaf = x.registerHook((g) => g.mul(10))
  y.registerHook((g) => void seen.push(Array.from(g.dataSync())))
  y.retainGrad()
  sum(y.square()).backward()
  expect(seen).toEqual([[6, 12]])
  expect(y.grad?.dataSync()).toEqual(Float32Array.of(6, 12))
  expect(x.grad?.dataSync()).toEqual(Float32Array.of(180, 360))
  removeLeaf()
  sum(x).backward()
  expect(x.grad?.dataSync()).toEqual(Float32Array.of(181, 361))
})

test('hooks that return nonsense, and tensors without gradient', () => {
  const x = w(1, 2)
  x.registerHook(() => ones([3]))
  expect(() => sum(x).backward()).toThrow(/^registerHook: expected the hook to return a gradient of shape 2, got 3/)
  expect(() => ones([1]).registerHook(() => undefined)).toThrow(/^registerHook: expected a tensor that requires/)
  expect(() => ones([1]).retainGrad()).toThrow(/^retainGrad: expected a tensor that requires/)
})

test('leaves, freezing, enableGrad', () => {
  const x = w(1, 2)
  const y = exp(x)
  expect([x.isLeaf, y.isLeaf, y.detach().isLeaf]).toEqual([true, false, true])
  expect(() => y.requiresGrad_(false)).toThrow(/^requiresGrad: expected a leaf, got the result of exp/)
  expect(() => (tensor(Int32Array.of(1)).requiresGrad = true)).toThrow(/^requiresGrad: expected a float dtype/)
  sum(x.mul(2)).backward()
  x.requiresGrad = false
  expect(x.mul(2).requiresGrad).toBe(false)
  expect(x.requiresGrad_().mul(2).requiresGrad).toBe(true)
  expect(noGrad(() => enableGrad(() => [isGradEnabled(), x.mul(2).requiresGrad]))).toEqual([true, true])
})

test('graphs of gradients are collected', async () => {
  const live = async () => {
    for (let i = 0; i < 4; i++) {
      globalThis.gc?.()
      await new Promise((resolve) => setTimeout(resolve, 2))
    }
    await synchronize()
    return runtime().memory.live
  }
  const target = tensor(Int32Array.from({ length: 100 }, (_, i) => i % 10))
  const step = () => {
    const x = ones([100, 1000]).requiresGrad_()
    const loss = crossEntropy(x.tanh().slice(1, 0, 10), target)
    const [g] = grad(loss, [x], { createGraph: true })
    sum((g as Tensor).square()).backward({ createGraph: true })
  }
  // V8 may still refer to the last step from its stack, but to no more: 6 MB, where one forgotten tensor a step were 64.
  for (let i = 0; i < 5; i++) step()
  const after = await live()
  for (let i = 0; i < 160; i++) step()
  expect(await live()).toBeLessThan(after + 2 ** 23)
})

test('checkpoint keeps less, and has the same gradients and dropout mask', async () => {
  const run = async (through: (fn: (x: Tensor) => Tensor, x: Tensor) => Tensor) => {
    manualSeed(5)
    const [x, scale] = [ones([1000]).requiresGrad_(), w(3)]
    let y = x.mul(2)
    await synchronize()
    const before = runtime().memory.live
    for (let i = 0; i < 4; i++) y = through((t) => dropout(t.mul(scale).tanh().exp().sin(), { p: 0.3 }), y)
    await synchronize()
    const kept = runtime().memory.live - before
    const [dx, dscale] = grad(sum(y), [x, scale])
    return [kept, Array.from((dx as Tensor).dataSync()), (dscale as Tensor).itemSync(), y.dataSync()] as const
  }
  const plain = await run((fn, x) => fn(x))
  const checked = await run((fn, x) => checkpoint(fn, [x]))
  expect(checked[0]).toBeLessThan(plain[0] / 2)
  expect(checked.slice(1)).toEqual(plain.slice(1))
  const x = tensor(Float64Array.of(0.5), { requiresGrad: true })
  const [g] = grad(sum(checkpoint((t: Tensor<'float64'>) => t.pow(3), [x])), [x], { createGraph: true })
  expect(grad(sum(g as Tensor<'float64'>), [x])[0]?.itemSync()).toBeCloseTo(3, 10)
})
