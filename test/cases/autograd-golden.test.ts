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
}
type Case = { op: string; options: object | null } & Record<'x' | 'u' | 'v' | 'gradient' | 'second', Values>

const { cases } = readGolden<{ cases: Case[] }>('second.json')

test.each(cases.map((c) => [c.op, c] as const))('%s', (_, c) => {
  const make = ({ shape, data }: Values) => tensor(Float64Array.from(data), { shape })
  const op = (quern as unknown as Record<string, (x: Double, options?: object) => Double>)[c.op]
  const x = make(c.x).requiresGrad_()
  const y = op?.(x, ...(c.options ? [c.options] : [])) as Double
  const [first] = grad(y, [x], { gradient: make(c.u), createGraph: true })
  const [second] = grad(first as Double, [x], { gradient: make(c.v) })
  expectClose((first as Double).dataSync(), c.gradient.data, 1e-11)
  expectClose((second as Double).dataSync(), c.second.data, 1e-11)
  expect(second?.shape).toEqual(c.x.shape)
})
