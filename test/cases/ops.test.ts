import { type DType, type FloatDType, ones, permute, slice, type Tensor, tensor } from 'quern'
import { describe, expect, test } from 'vitest'
import { cases, type Input, type OpCase } from './table.js'
import { expectClose, numbers } from './values.js'

function make(input: Input, seed: number, dtype: FloatDType): Tensor<FloatDType> {
  const { shape, memory, low, high } = input
  const stored = memory ? memory.map((d) => shape[d] as number) : shape
  const data = numbers(
    stored.reduce((a, b) => a * b, 1),
    seed,
    low,
    high,
  )
  const leaf = tensor(Array.from(data), { shape: stored, dtype, requiresGrad: true })
  if (!memory) return leaf
  const shown = permute(
    leaf,
    shape.map((_, d) => memory.indexOf(d)),
  ).detach()
  shown.requiresGrad = true
  return shown
}

async function run({ inputs, run }: OpCase, dtype: FloatDType) {
  const tensors = inputs.map((input, i) => make(input, i + 1, dtype))
  const output = run(...tensors)
  const upstream = Array.from(numbers(output.size, 99))
  output.backward({ gradient: tensor(upstream, { shape: output.shape, dtype }) })
  const grads = tensors.map((t) => t.grad as Tensor<DType> | null)
  return { shape: output.shape, output: await output.data(), grads: await Promise.all(grads.map((g) => g?.data())) }
}

describe('float32 against the float64 reference, forward and gradient', () => {
  test.each(cases.map((c) => [c.name, c] as const))('%s', async (_, opCase) => {
    const [single, double] = await Promise.all([run(opCase, 'float32'), run(opCase, 'float64')])
    expect(single.shape).toEqual(double.shape)
    const tolerance = opCase.tolerance ?? 1e-5
    expectClose(single.output, double.output, tolerance)
    expect(single.grads.length).toBe(opCase.inputs.length)
    for (const [i, grad] of single.grads.entries()) {
      expectClose(grad as ArrayLike<number>, double.grads[i] as ArrayLike<number>, tolerance)
    }
  })
})

describe('float64 gradient against central differences', () => {
  const small = cases.filter((c) => c.inputs.every((i) => i.shape.reduce((a, b) => a * b, 1) <= 60))
  test.each(small.map((c) => [c.name, c] as const))('%s', async (_, opCase) => {
    const { grads } = await run(opCase, 'float64')
    const step = 1e-5
    for (const [k, input] of opCase.inputs.entries()) {
      const base = opCase.inputs.map((spec, i) => make(spec, i + 1, 'float64').detach())
      const values = base[k]?.dataSync() as Float64Array
      const total = (shifted: Float64Array) => {
        const moved = tensor(Array.from(shifted), { shape: input.shape, dtype: 'float64' })
        const output = opCase.run(...base.map((t, i) => (i === k ? moved : t)))
        const upstream = numbers(output.size, 99)
        return (output.dataSync() as Float64Array).reduce((sum, v, i) => sum + v * (upstream[i] as number), 0)
      }
      const expected = Array.from(values, (v, i) => {
        const at = (delta: number) => total(values.with(i, v + delta))
        return (at(step) - at(-step)) / (2 * step)
      })
      expectClose(grads[k] as ArrayLike<number>, expected, 1e-6)
    }
  })
})

test('a view of nothing begins inside its storage, and can be read', () => {
  const end = slice(ones([3, 0, 3]), 0, 2)
  expect([end.shape, end.dataSync().length]).toEqual([[1, 0, 3], 0])
  expect(end.contiguous().exp().dataSync().length).toBe(0)
})
