// Second derivatives against PyTorch's (test/golden/second.py).
import * as quern from 'quern'
import { grad, type Tensor, tensor } from 'quern'
import { expect, test } from 'vitest'
import { readGolden } from '../golden/read.js'
import { expectClose } from './values.js'

type Double = Tensor<'float64'>
interface Values {
  shape: number[]
  data: number[]
  dtype?: 'int32'
}
type Case = { op: string; options: object | null; args?: unknown[]; upstream?: Values } & Record<
  'x' | 'u' | 'v' | 'gradient' | 'second',
  Values
>

const { cases } = readGolden<{ cases: Case[] }>('second.json')

const make = ({ shape, data }: Values): Double => tensor(Float64Array.from(data), { shape })

function argument(value: unknown): unknown {
  if (value === 'null') return null
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value
  if (!('shape' in value)) return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, argument(v)]))
  const { shape, data, dtype } = value as Values
  return dtype ? tensor(Int32Array.from(data), { shape }) : make(value as Values)
}

test.each(cases.map((c) => [c.op, c] as const))('%s', (_, c) => {
  const op = (quern as unknown as Record<string, (...args: unknown[]) => Double>)[c.op]
  const [x, u] = [make(c.x).requiresGrad_(), make(c.u).requiresGrad_()]
  const args = (c.args ?? [null]).map((a) => (a === null ? x : argument(a)))
  const y = op?.(...args, ...(c.options ? [argument(c.options)] : [])) as Double
  const [first] = grad(y, [x], { gradient: u, createGraph: true })
  const [second, upstream] = grad(first as Double, [x, u], { gradient: make(c.v), allowUnused: true })
  expectClose((first as Double).dataSync(), c.gradient.data, 1e-11)
  expectClose(second?.dataSync() ?? new Float64Array(x.size), c.second.data, 1e-11)
  if (second) expect(second.shape).toEqual(c.x.shape)
  if (c.upstream) expectClose((upstream as Double).dataSync(), c.upstream.data, 1e-11)
})
