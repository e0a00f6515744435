// What the table cannot tell: integers, indices out of range, ties, random numbers, layers.
import {
  add,
  bceLoss,
  bernoulli,
  cumsum,
  embedding,
  type FloatDType,
  flip,
  full,
  gather,
  indexSelect,
  manualSeed,
  maximum,
  mul,
  nllLoss,
  nn,
  oneHot,
  pad,
  rand,
  randperm,
  scatterAdd,
  split,
  sub,
  sum,
  type Tensor,
  tensor,
  topk,
  zeros,
} from 'quern'
import { expect, test } from 'vitest'

const gradOf = async (t: Tensor<FloatDType>) => Array.from((await t.grad?.data()) ?? [])
const ints = (...values: number[]) => tensor(Int32Array.from(values))

test('int32 arithmetic', async () => {
  const [a, b] = [ints(1, -2, 2 ** 31 - 1), ints(3, 4, 1)]
  expect([...(await add(a, b).data())]).toEqual([4, 2, -(2 ** 31)])
  expect([...(await sub(5, a).data())]).toEqual([4, 7, 5 - (2 ** 31 - 1)])
  expect([...(await a.mul(b).data())]).toEqual([3, -8, 2 ** 31 - 1])
  expect([...(await mul(a, 3).data())]).toEqual([3, -6, 2147483645])
  expect([...(await maximum(a, b).data())]).toEqual([3, 4, 2 ** 31 - 1])
  expect(add(a, tensor(Int32Array.of(1), { shape: [1, 1] })).shape).toEqual([1, 3])
})

test('padding by reflection mirrors even what a negative pad cuts off, as in PyTorch', async () => {
  const x = tensor([[0, 1, 2]])
  expect(await pad(x, [-1, 2], { mode: 'reflect' }).array()).toEqual([[1, 2, 1, 0]])
  expect(await pad(x, [2, -1], { mode: 'reflect' }).array()).toEqual([[2, 1, 0, 1]])
  expect(await pad(x, [-3, 2], { mode: 'replicate' }).array()).toEqual([[2, 2]])
})

test('integers are indexed, padded and summed up too', async () => {
  const x = tensor(Int32Array.of(1, 2, 3, 4, 5, 6), { shape: [2, 3] })
  expect(await indexSelect(x, 1, ints(2, 0)).array()).toEqual([
    [3, 1],
    [6, 4],
  ])
  expect(await gather(x, 0, ints(1, 0, 7).reshape([1, 3])).array()).toEqual([[4, 2, 0]])
  expect(await cumsum(x, { dim: 1 }).array()).toEqual([
    [1, 3, 6],
    [4, 9, 15],
  ])
  expect(await flip(x, 1).array()).toEqual([
    [3, 2, 1],
    [6, 5, 4],
  ])
  expect(await pad(x, [1, 0], { value: -9 }).array()).toEqual([
    [-9, 1, 2, 3],
    [-9, 4, 5, 6],
  ])
  expect(await oneHot(ints(2, 0, 5), 3).array()).toEqual([
    [0, 0, 1],
    [1, 0, 0],
    [0, 0, 0],
  ])
})

test.each(['float32', 'float64'] as const)('indices out of range read NaN and add nothing in %s', async (dtype) => {
  const x = tensor([1, 2, 3], { dtype, requiresGrad: true })
  const wild = ints(-1, 1, 3, 2 ** 31 - 1, -(2 ** 31), 2)
  for (const read of [indexSelect(x, 0, wild), gather(x, 0, wild)]) {
    expect([...(await read.data())]).toEqual([NaN, 2, NaN, NaN, NaN, 3])
    x.grad = null
    sum(read).backward()
    expect(await gradOf(x)).toEqual([0, 1, 1])
  }
  const ones = tensor([1, 1, 1, 1, 1, 1], { dtype, requiresGrad: true })
  const y = scatterAdd(x, 0, wild, ones)
  expect([...(await y.data())]).toEqual([1, 3, 4])
  sum(y).backward()
  expect(await gradOf(ones)).toEqual([0, 1, 0, 0, 0, 1])
  expect(await nllLoss(tensor([[-1, -2]], { dtype }), ints(2)).item()).toBeNaN()
})

test('paddingIdx gets no gradient', async () => {
  const weight = tensor([1, 2, 3, 4], { shape: [4, 1], requiresGrad: true })
  const y = embedding(ints(0, 1, 1, 3), weight, { paddingIdx: -1 })
  expect([...(await y.data())]).toEqual([1, 2, 2, 4])
  sum(y).backward()
  expect(await gradOf(weight)).toEqual([1, 2, 0, 0])
})

test.each(['float32', 'float64'] as const)('topk in %s: the first of equals first, NaN above all', async (dtype) => {
  const x = tensor([0, 5, -0, NaN, 5, -Infinity, Infinity], { dtype })
  const top = topk(x, 7)
  expect([...(await top.indices.data())]).toEqual([3, 6, 1, 4, 0, 2, 5])
  expect([...(await top.values.data())]).toEqual([NaN, Infinity, 5, 5, 0, -0, -Infinity])
  const least = topk(x, 4, { largest: false })
  expect([...(await least.indices.data())]).toEqual([5, 0, 2, 1])
  expect(topk(x, 0).values.shape).toEqual([0])
})

test('split keeps the rest', () => {
  expect(split(zeros([7, 2]), 3).map((t) => t.shape)).toEqual([
    [3, 2],
    [3, 2],
    [1, 2],
  ])
  expect(split(zeros([0, 2]), 3).map((t) => t.shape)).toEqual([[0, 2]])
})

test('bceLoss is finite at 0 and 1', async () => {
  const p = tensor([0, 1, 0, 1], { requiresGrad: true })
  const loss = bceLoss(p, tensor([0, 1, 1, 0]), { reduction: 'none' })
  expect([...(await loss.data())].map(Math.abs)).toEqual([0, 0, 100, 100])
  sum(loss).backward()
  for (const g of (await p.grad?.data()) ?? [NaN]) expect(Number.isFinite(g)).toBe(true)
})

test('randperm and bernoulli come from the seed', async () => {
  const draw = async () => {
    manualSeed(7)
    return [await randperm(1000).data(), await bernoulli(full([1000], 0.3)).data()] as const
  }
  const [first, second] = [await draw(), await draw()]
  expect(second).toEqual(first)
  expect([...first[0]].sort((a, b) => a - b)).toEqual(Array.from({ length: 1000 }, (_, i) => i))
  expect([...first[0]].filter((v, i) => v === i).length).toBeLessThan(10)
  const ones = first[1].reduce((a, b) => a + b, 0)
  expect(ones).toBeGreaterThan(240)
  expect(ones).toBeLessThan(360)
  expect([...(await bernoulli(tensor([0, 1])).data())]).toEqual([0, 1])
  expect((await randperm(0).data()).length).toBe(0)
})

test('the host draws the same words as the engine', async () => {
  for (const seed of [1, 2, 3, 4, 5, 2 ** 40]) {
    manualSeed(seed)
    const order = await randperm(2).data()
    manualSeed(seed)
    expect([...order]).toEqual((await rand([1]).item()) < 0.5 ? [0, 1] : [1, 0])
  }
})

test('Embedding starts as N(0, 1), its padding as zeros', async () => {
  manualSeed(1)
  const layer = new nn.Embedding(500, 20, { paddingIdx: 3 })
  const values = await layer.weight.data()
  expect([...values.slice(60, 80)]).toEqual(new Array(20).fill(0))
  expect(values.reduce((a, b) => a + b * b, 0) / 9980).toBeCloseTo(1, 1)
  expect(layer.forward(ints(1, 2, 3, 4).reshape([2, 2])).shape).toEqual([2, 2, 20])
  expect(Object.keys(layer.stateDict())).toEqual(['weight'])
})

test('every activation and loss layer does what its function does', async () => {
  const x = tensor([-4, -1, 0.5, 4], { shape: [2, 2] })
  const layers = [
    new nn.LeakyReLU(0.2),
    new nn.ELU(),
    new nn.SELU(),
    new nn.GELU({ approximate: 'tanh' }),
    new nn.SiLU(),
    new nn.Hardswish(),
    new nn.Hardsigmoid(),
    new nn.Hardtanh(),
    new nn.ReLU6(),
    new nn.Softplus(),
    new nn.LogSigmoid(),
    new nn.Softsign(),
  ]
  for (const layer of layers) expect(layer.forward(x).shape).toEqual([2, 2])
  expect((await new nn.LeakyReLU(0.5).forward(x).data())[0]).toBe(-2)
  const target = ints(1, 0)
  const unit = tensor([0.2, 0.3, 0.4, 0.5], { shape: [2, 2] })
  const losses = [
    new nn.L1Loss().forward(unit, x),
    new nn.SmoothL1Loss().forward(unit, x),
    new nn.MSELoss().forward(unit, x),
    new nn.BCELoss().forward(unit, unit),
    new nn.BCEWithLogitsLoss().forward(x, unit),
    new nn.KLDivLoss({ reduction: 'batchmean' }).forward(x, unit),
    new nn.NLLLoss().forward(x, target),
    new nn.HingeLoss().forward(x, target),
    new nn.MultiMarginLoss().forward(x, target),
    new nn.CrossEntropyLoss().forward(x, unit),
  ]
  for (const loss of losses) expect(Number.isFinite(await loss.item())).toBe(true)
  expect(await new nn.HingeLoss().forward(x, target).item()).toBe((0 + 4.5) / 2)
})
