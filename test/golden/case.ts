// The golden cases, whose format test/golden/cases.py tells, and how one is run.
import * as quern from 'quern'
import { type DType, type FloatDType, type Tensor, tensor } from 'quern'
import { expect } from 'vitest'
import { expectClose, numbers } from '../cases/values.js'

export interface GoldenTensor {
  shape: number[]
  /** NaN and the infinities are strings. */
  data?: (number | string)[]
  /** In place of data. */
  seed?: number
  low?: number
  high?: number
  /** By index. */
  put?: Record<number, number | string>
  /** Otherwise that of the test. */
  dtype?: Exclude<DType, 'float64'>
}

type OneOrMore<T> = T | T[]

export interface GoldenCase {
  name: string
  op: string
  args: unknown[]
  options: Record<string, unknown>
  output: OneOrMore<GoldenTensor>
  gradOutput: OneOrMore<GoldenTensor | null>
  grads: Record<string, GoldenTensor>
  scale?: Record<string, number>
}

const isTensor = (v: unknown): v is GoldenTensor => typeof v === 'object' && v !== null && 'shape' in v
const list = <T>(v: OneOrMore<T>): T[] => (Array.isArray(v) ? v : [v])

/** The numbers of a golden tensor. */
export function valuesOf({ shape, data, seed, low, high, put = {}, dtype }: GoldenTensor): number[] {
  if (data) return dtype === 'float32' ? data.map((v) => Math.fround(Number(v))) : data.map(Number)
  const size = shape.reduce((a, b) => a * b, 1)
  const values = [...numbers(size, seed as number, low, high)]
  for (const [i, v] of Object.entries(put)) values[Number(i)] = Number(v)
  return values
}

/** The golden tensor, of this dtype unless it has its own. */
export const tensorOf = (t: GoldenTensor, dtype: FloatDType = 'float32', requiresGrad = false): Tensor<DType> =>
  tensor(valuesOf(t), { shape: t.shape, dtype: t.dtype ?? dtype, requiresGrad })

/** The tensors of a case by name, and its arguments and options made of them. */
function inputs(c: GoldenCase, dtype: FloatDType) {
  const words = new Map<unknown, unknown>([
    ['-Infinity', Number.NEGATIVE_INFINITY],
    ['Infinity', Number.POSITIVE_INFINITY],
    ['float', dtype],
  ])
  const tensors = new Map<string, Tensor<FloatDType>>()
  const make = (key: string, v: unknown): unknown => {
    if (Array.isArray(v)) return v.map((item, i) => make(`${key}.${i}`, item))
    if (!isTensor(v)) return words.get(v) ?? v
    const t = tensorOf(v, dtype, key in c.grads)
    tensors.set(key, t as Tensor<FloatDType>)
    return t
  }
  const args = c.args.map((v, i) => make(String(i), v))
  const options = Object.fromEntries(Object.entries(c.options).map(([k, v]) => [k, make(k, v)]))
  return { tensors, args: Object.keys(options).length > 0 ? [...args, options] : args }
}

/** Runs a case in this dtype and compares its outputs and gradients, dtypes and shapes with PyTorch's. */
export async function runCase(c: GoldenCase, dtype: FloatDType, tolerance: number): Promise<void> {
  const { tensors, args } = inputs(c, dtype)
  const op = (quern as unknown as Record<string, (...a: unknown[]) => object>)[c.op]
  if (!op) throw new Error(`quern has no ${c.op}`)
  const output = op(...args)
  const outputs = (output instanceof quern.Tensor ? [output] : Object.values(output)) as Tensor<DType>[]
  const expected = list(c.output)
  expect(outputs.map((y) => [y.shape, y.dtype])).toEqual(expected.map((e) => [e.shape, e.dtype ?? dtype]))
  for (const [i, y] of outputs.entries()) {
    const e = expected[i] as GoldenTensor
    expectClose(await y.data(), valuesOf(e), e.dtype ? 0 : tolerance)
  }
  for (const [i, gradient] of list(c.gradOutput).entries()) {
    if (!gradient) continue
    const y = outputs[i] as Tensor<FloatDType>
    y.backward({ gradient: tensorOf(gradient, dtype) as typeof y })
  }
  for (const [key, e] of Object.entries(c.grads)) {
    const grad = tensors.get(key)?.grad
    expect(grad?.shape, key).toEqual(e.shape)
    expectClose((await grad?.data()) as ArrayLike<number>, valuesOf(e), tolerance, c.scale?.[key])
  }
}
