// Padded convolutions and positions of maxima against PyTorch (test/golden/features.py); inputs without a batch.
import * as quern from 'quern'
import { nn, sum, type Tensor } from 'quern'
import { describe, expect, test } from 'vitest'
import { type GoldenTensor, tensorOf, valuesOf } from '../golden/case.js'
import { readGolden } from '../golden/read.js'
import { expectClose } from './values.js'

interface Layer {
  layer: string
  args: unknown[]
  options: object
  x: GoldenTensor
  y: GoldenTensor
}
interface Golden {
  layers: (Layer & { weight: GoldenTensor; bias: GoldenTensor })[]
  pooled: (Layer & { indices: GoldenTensor })[]
}

const golden = readGolden<Golden>('features.json')
const image = (t: GoldenTensor) => tensorOf(t) as Tensor
type Constructor<M> = new (...args: unknown[]) => M
const layerOf = <M>({ layer, args, options }: Layer, more: object = {}): M =>
  new (nn as unknown as Record<string, Constructor<M>>)[layer]!(...args, { ...options, ...more })
const titled = <L extends Layer>(layers: L[]) =>
  layers.map((c) => [`${c.layer} of ${c.x.shape.join('×')} ${JSON.stringify([c.args, c.options])}`, c] as const)

describe('convolutions padded as PyTorch’s layers are', () => {
  test.each(titled(golden.layers))('%s', async (_, c) => {
    const layer = layerOf<nn.Conv2d>(c)
    layer.loadStateDict({ weight: tensorOf(c.weight), bias: tensorOf(c.bias) })
    const x = image(c.x)
    const y = layer.forward(x)
    expect(y.shape).toEqual(c.y.shape)
    expectClose(await y.data(), valuesOf(c.y), 1e-5)
    const rectified = await new nn.Sequential(layer, new nn.ReLU()).forward(x).data()
    expect([...rectified]).toEqual([...(await y.data())].map((v) => Math.max(0, v)))
  })
})

describe('pooling layers give positions', () => {
  test.each(titled(golden.pooled))('%s', async (_, c) => {
    const x = image(c.x)
    x.requiresGrad = true
    const [y, indices] = layerOf<nn.MaxPool2d<true>>(c, { returnIndices: true }).forward(x)
    expect([y.shape, indices.shape, indices.dtype]).toEqual([c.y.shape, c.indices.shape, 'int32'])
    expectClose(await y.data(), valuesOf(c.y), 1e-6)
    expect([...(await indices.data())]).toEqual(valuesOf(c.indices))
    expect(await layerOf<nn.MaxPool2d>(c).forward(x).data()).toEqual(await y.data())
    sum(y).backward()
    expect((await (x.grad as Tensor).data()).reduce((a, b) => a + b)).toBe(y.size)
  })

  test('behind a ReLU in Sequential too', async () => {
    const pool = new nn.MaxPool2d(2, { returnIndices: true })
    const x = quern.randn([2, 3, 4, 4])
    const [y, indices] = new nn.Sequential(new nn.ReLU(), pool).forward(x) as unknown as [Tensor, Tensor<'int32'>]
    const [expected, places] = pool.forward(x.relu())
    expect(await y.data()).toEqual(await expected.data())
    expect(await indices.data()).toEqual(await places.data())
  })
})

test('a layer takes what has no batch', () => {
  const picture = quern.randn([6, 8, 8])
  const line = quern.randn([6, 9])
  const outputs: [nn.Module, Tensor, number[]][] = [
    [new nn.Conv1d(6, 4, 3), line, [4, 7]],
    [new nn.Conv2d(6, 4, 3), picture, [4, 6, 6]],
    [new nn.ConvTranspose2d(6, 4, 3, { stride: 2 }), picture, [4, 17, 17]],
    [new nn.MaxPool1d(3), line, [6, 3]],
    [new nn.MaxPool2d(2), picture, [6, 4, 4]],
    [new nn.AvgPool1d(3), line, [6, 3]],
    [new nn.AvgPool2d(2), picture, [6, 4, 4]],
    [new nn.AdaptiveAvgPool1d(2), line, [6, 2]],
    [new nn.AdaptiveMaxPool1d(2), line, [6, 2]],
    [new nn.AdaptiveAvgPool2d(1), picture, [6, 1, 1]],
    [new nn.AdaptiveMaxPool2d(1), picture, [6, 1, 1]],
    [new nn.Sequential(new nn.Conv2d(6, 4, 3), new nn.ReLU(), new nn.MaxPool2d(2)), picture, [4, 3, 3]],
  ]
  for (const [layer, x, shape] of outputs) {
    expect((layer.forward(x) as Tensor).shape, layer.constructor.name).toEqual(shape)
  }
})
