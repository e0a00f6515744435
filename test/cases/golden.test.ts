// Every function against PyTorch's values and gradients (test/golden/*.py, beside their data).
import * as quern from 'quern'
import { type FloatDType, type Tensor, tensor } from 'quern'
import { describe, expect, test } from 'vitest'
import { readGolden } from '../golden/read.js'
import { expectClose } from './values.js'

interface GoldenTensor {
  shape: number[]
  data: number[]
  dtype?: 'int32'
}

interface GoldenCase {
  name: string
  op: string
  args: unknown[]
  options: Record<string, unknown>
  output: GoldenTensor
  gradOutput: GoldenTensor
  grads: Record<string, GoldenTensor>
}

const files = ['ops.json', 'norm.json', 'operators.json', 'features.json']
const cases = files.flatMap((name) => readGolden<{ cases: GoldenCase[] }>(name).cases)
const isTensor = (v: unknown): v is GoldenTensor => typeof v === 'object' && v !== null && 'data' in v

async function run(c: GoldenCase, dtype: FloatDType, tolerance: number) {
  const made = new Map<string, Tensor<FloatDType>>()
  const make = (key: string, v: unknown) => {
    if (!isTensor(v)) return v
    const t = tensor(v.data, { shape: v.shape, dtype: v.dtype ?? dtype, requiresGrad: key in c.grads })
    made.set(key, t as Tensor<FloatDType>)
    return t
  }
  const args = c.args.map((v, i) => make(String(i), v))
  const options = Object.fromEntries(Object.entries(c.options).map(([k, v]) => [k, make(k, v)]))
  const op = (quern as unknown as Record<string, (...a: unknown[]) => Tensor<FloatDType>>)[c.op]
  if (!op) throw new Error(`quern has no ${c.op}`)
  const output = Object.keys(options).length > 0 ? op(...args, options) : op(...args)
  expect(output.shape).toEqual(c.output.shape)
  expectClose(await output.data(), c.output.data, tolerance)
  output.backward({ gradient: tensor(c.gradOutput.data, { shape: c.gradOutput.shape, dtype }) })
  for (const [key, expected] of Object.entries(c.grads)) {
    const grad = made.get(key)?.grad
    expect(grad?.shape).toEqual(expected.shape)
    expectClose((await grad?.data()) as ArrayLike<number>, expected.data, tolerance)
  }
}

describe.each([
  ['float32', 1e-5],
  ['float64', 1e-12],
] as const)('PyTorch’s values in %s', (dtype, tolerance) => {
  test.each(cases.map((c) => [c.name, c] as const))('%s', (_, c) => run(c, dtype, tolerance))
})
