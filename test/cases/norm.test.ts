// Layers with state, positions of maxima and random channels: what the tables of cases cannot say.
import * as quern from 'quern'
import {
  batchNorm,
  conv2d,
  dropout2d,
  grad,
  manualSeed,
  nn,
  noGrad,
  normalize,
  ones,
  randn,
  sum,
  type Tensor,
  tensor,
  zeros,
} from 'quern'
import { describe, expect, test } from 'vitest'
import { readGolden } from '../golden/read.js'
import { expectClose } from './values.js'

interface GoldenTensor {
  shape: number[]
  data: number[]
}

interface Golden {
  indices: {
    op: string
    args: [GoldenTensor, unknown]
    options: object
    output: GoldenTensor
    indices: GoldenTensor
  }[]
  batchNorm: {
    options: nn.BatchNormLayerOptions
    steps: { x: GoldenTensor; y: GoldenTensor; state: Record<string, GoldenTensor> }[]
    x: GoldenTensor
    y: GoldenTensor
  }[]
}

const golden = readGolden<Golden>('norm.json')
const make = (t: GoldenTensor) => tensor(t.data, { shape: t.shape })

test.each(golden.indices.map((c) => [`${c.op} ${JSON.stringify([c.args[1], c.options])}`, c] as const))(
  'positions of %s',
  async (_, c) => {
    type Op = (...a: unknown[]) => [Tensor, Tensor<'int32'>]
    const op = (quern as unknown as Record<string, Op>)[c.op] as Op
    const x = make(c.args[0])
    x.requiresGrad = true
    const [y, indices] = op(x, c.args[1], { ...c.options, returnIndices: true })
    expect([y.shape, indices.shape, indices.dtype]).toEqual([c.output.shape, c.indices.shape, 'int32'])
    expectClose(await y.data(), c.output.data, 1e-6)
    expect([...(await indices.data())]).toEqual(c.indices.data)
    sum(y).backward()
    expect((await (x.grad as Tensor).data()).reduce((a, b) => a + b)).toBe(y.size)
  },
)

describe('nn.BatchNorm2d', () => {
  test.each(golden.batchNorm.map((c) => [JSON.stringify(c.options), c] as const))('%s', async (_, c) => {
    const layer = new nn.BatchNorm2d(3, c.options)
    for (const { x, y, state } of c.steps) {
      expectClose(await layer.forward(make(x)).data(), y.data, 1e-5)
      const own = layer.stateDict()
      expect(Object.keys(own).sort()).toEqual(Object.keys(state).sort())
      for (const [name, t] of Object.entries(state)) {
        expect(own[name]?.shape).toEqual(t.shape)
        expectClose((await own[name]?.data()) as ArrayLike<number>, t.data, 1e-6)
      }
    }
    layer.eval()
    expectClose(await layer.forward(make(c.x)).data(), c.y.data, 1e-5)
    const copy = new nn.BatchNorm2d(3, c.options).eval()
    copy.loadStateDict(layer.stateDict())
    expect(await copy.forward(make(c.x)).data()).toEqual(await layer.forward(make(c.x)).data())
  })

  test('trains its parameters, not its statistics', async () => {
    const layer = new nn.BatchNorm2d(4)
    expect([...layer.namedParameters()].map(([name]) => name)).toEqual(['weight', 'bias'])
    sum(layer.forward(randn([2, 4, 3, 3])).square()).backward()
    expect(layer.bias?.grad?.shape).toEqual([4])
    expect(layer.running_mean?.grad).toBeNull()
    expect(await layer.num_batches_tracked?.item()).toBe(1)
  })

  test('large means', async () => {
    const x = Array.from({ length: 4096 }, (_, i) => 1e5 + (i % 2 === 0 ? 1 : -1))
    const y = await batchNorm(tensor(x, { shape: [4096, 1] }), null, null, { training: true }).data()
    expectClose(
      y,
      x.map((v) => v - 1e5),
      1e-5,
    )
  })
})

test('the other layers give what their functions give', async () => {
  const image = randn([2, 6, 8, 8])
  const line = randn([2, 6, 9])
  const outputs: [nn.Module, Tensor, number[]][] = [
    [new nn.Conv1d(6, 4, 3, { padding: 'same' }), line, [2, 4, 9]],
    [new nn.Conv2d(6, 4, [3, 4], { padding: 'same' }), image, [2, 4, 8, 8]],
    [new nn.ConvTranspose2d(6, 4, 3, { stride: 2, padding: 1, outputPadding: 1, groups: 2 }), image, [2, 4, 16, 16]],
    [new nn.MaxPool1d(3), line, [2, 6, 3]],
    [new nn.AvgPool1d(3, { stride: 2 }), line, [2, 6, 4]],
    [new nn.AvgPool2d(2), image, [2, 6, 4, 4]],
    [new nn.AdaptiveAvgPool2d([3, null]), image, [2, 6, 3, 8]],
    [new nn.AdaptiveMaxPool2d(1), image, [2, 6, 1, 1]],
    [new nn.BatchNorm1d(6), line, [2, 6, 9]],
    [new nn.LayerNorm([8, 8]), image, [2, 6, 8, 8]],
    [new nn.GroupNorm(3, 6), image, [2, 6, 8, 8]],
    [new nn.LocalResponseNorm(3), image, [2, 6, 8, 8]],
    [new nn.Dropout2d(0.5).eval(), image, [2, 6, 8, 8]],
  ]
  for (const [layer, x, shape] of outputs) {
    expect((layer.forward(x) as Tensor).shape, layer.constructor.name).toEqual(shape)
  }
  const transposed = outputs[2]?.[0] as nn.ConvTranspose2d
  expect(transposed.weight.shape).toEqual([6, 2, 3, 3])
  expect(transposed.bias?.shape).toEqual([4])
  expect(Object.keys(new nn.LayerNorm(4).stateDict())).toEqual(['weight', 'bias'])
})

test('Sequential fuses a ReLU with a convolution padded to the same size', async () => {
  const conv = new nn.Conv2d(3, 5, 4, { padding: 'same' })
  const x = randn([2, 3, 6, 7])
  const expected = await conv2d(x, conv.weight, { bias: conv.bias, padding: 'same' }).relu().data()
  expectClose(await new nn.Sequential(conv, new nn.ReLU()).forward(x).data(), expected, 1e-6)
})

test('dropout2d zeroes whole channels, and their gradients', async () => {
  const x = ones([50, 20, 3, 3], { requiresGrad: true })
  const y = dropout2d(x, { p: 0.25 })
  const data = await y.data()
  let kept = 0
  for (let channel = 0; channel < 1000; channel++) {
    const values = new Set(data.subarray(channel * 9, channel * 9 + 9))
    expect(values.size).toBe(1)
    const [value] = values
    expect([0, Math.fround(1 / 0.75)]).toContain(value)
    if (value !== 0) kept++
  }
  expect(kept).toBeGreaterThan(680)
  expect(kept).toBeLessThan(820)
  sum(y).backward()
  expect(await x.grad?.data()).toEqual(data)
})

test('normalize of zeros is zero, with a finite gradient', async () => {
  for (const p of [1, 2, 3, Number.POSITIVE_INFINITY]) {
    const x = zeros([2, 3], { requiresGrad: true })
    const y = normalize(x, { p })
    expect([...(await y.data())]).toEqual(new Array(6).fill(0))
    sum(y).backward()
    for (const g of (await x.grad?.data()) ?? []) expect(Number.isFinite(g)).toBe(true)
  }
})

test.each([
  ['ReLU', () => new nn.ReLU()],
  ['ReLU6', () => new nn.ReLU6()],
  ['Hardtanh', () => new nn.Hardtanh(-0.4, 0.7)],
] as const)('BatchNorm2d and %s in one pass equal the two apart', async (_, activation) => {
  for (const affine of [true, false])
    for (const training of [true, false]) {
      const run = async (apart: boolean) => {
        manualSeed(4)
        const x = randn([3, 5, 4, 3]).mul(4).detach().requiresGrad_()
        const norm = new nn.BatchNorm2d(5, { affine })
        if (affine) noGrad(() => [norm.weight, norm.bias].forEach((t) => void t?.copy_(randn([5]))))
        const layers = [norm, activation()].map((m) => m.train(training))
        const y = apart
          ? layers.reduce((t, m) => m.forward(t) as Tensor, x as Tensor)
          : new nn.Sequential(...layers).forward(x)
        const [first] = grad(y, [x], { createGraph: true, gradient: randn(y.shape) })
        const found = [y, ...grad(y, [x, ...norm.parameters()], { gradient: randn(y.shape), retainGraph: true })]
        if (training) found.push(...grad((first as Tensor).square().sum(), [x]))
        return Promise.all(found.map((t) => t.data()))
      }
      const [fused, plain] = [await run(false), await run(true)]
      expect(fused.length).toBe(2 + (affine ? 2 : 0) + (training ? 1 : 0))
      for (const [i, values] of fused.entries()) expectClose(values, plain[i] as ArrayLike<number>, 1e-5)
    }
})
