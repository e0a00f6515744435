import { add, matmul, nn, ones, randn, type Tensor, zeros } from 'quern'
import { expect, test } from 'vitest'

class Block extends nn.Module {
  readonly conv = new nn.Conv2d(3, 4, 3, { padding: 1 })
  readonly layers = new nn.ModuleList([new nn.Linear(4, 5), new nn.Linear(5, 2, { bias: false })])
  readonly scale = nn.parameter(ones([1]))
  readonly note = ones([7]) // neither parameter nor buffer
  calls = 0
  lastOutput: Tensor | null = null

  constructor() {
    super()
    this.registerBuffer('running_mean', zeros([4]))
  }

  forward(x: Tensor): Tensor {
    this.calls++
    const h = this.conv.forward(x).mean({ dim: [2, 3] })
    this.lastOutput = h
    let y = h
    for (const layer of this.layers) y = (layer as nn.Linear).forward(y)
    return y.mul(this.scale)
  }
}

test('parameters, buffers and state dict have PyTorch’s names', () => {
  const block = new Block()
  expect([...block.namedParameters()].map(([name]) => name)).toEqual([
    'scale',
    'conv.weight',
    'conv.bias',
    'layers.0.weight',
    'layers.0.bias',
    'layers.1.weight',
  ])
  expect([...block.namedBuffers()].map(([name]) => name)).toEqual(['running_mean'])
  expect(Object.keys(block.stateDict()).slice(0, 3)).toEqual(['scale', 'running_mean', 'conv.weight'])
  expect(block.children().length).toBe(2)
  const [weight] = block.conv.parameters()
  ;(weight as Tensor).requiresGrad = false
  expect(block.conv.parameters()).toContain(weight) // a frozen parameter stays one
})

test('what forward assigns to a field stays alive, and a shared module counts once', async () => {
  const block = new Block()
  const y = block.forward(randn([2, 3, 5, 5]))
  expect(y.shape).toEqual([2, 2])
  expect((await block.lastOutput?.data())?.length).toBe(8)
  expect(block.calls).toBe(1)
  const shared = new nn.Linear(2, 2)
  expect(new nn.Sequential(shared, shared).parameters().length).toBe(2)
  expect(Object.keys(new nn.Sequential(shared, shared).stateDict())).toEqual([
    '0.weight',
    '0.bias',
    '1.weight',
    '1.bias',
  ])
})

test('train and eval reach every module, apply visits children first', () => {
  const model = new nn.Sequential(new nn.Dropout(0.5), new nn.Sequential(new nn.Dropout(0.5)))
  model.eval()
  expect(model.modules().map((m) => m.training)).toEqual([false, false, false, false])
  const seen: string[] = []
  model.train().apply((m) => void seen.push(m.constructor.name))
  expect(seen).toEqual(['Dropout', 'Dropout', 'Sequential', 'Sequential'])
})

test('Sequential gives what its modules give one by one, fused or not', async () => {
  const layers = [
    ...[
      new nn.Conv2d(2, 8, 3),
      new nn.ReLU(),
      new nn.Conv2d(8, 8, 3, { padding: 1 }),
      new nn.MaxPool2d(2),
      new nn.ReLU(),
    ],
    ...[
      new nn.Conv2d(8, 4, 3),
      new nn.ReLU(),
      new nn.MaxPool2d(2),
      new nn.Flatten(),
      new nn.Linear(36, 5),
      new nn.ReLU(),
    ],
  ]
  const x = randn([3, 2, 20, 20])
  const fused = new nn.Sequential(...layers).forward(x)
  fused.sum().backward()
  const grads = await Promise.all(layers.flatMap((l) => l.parameters()).map((p) => p.grad?.data()))
  for (const layer of layers) layer.zeroGrad()
  let single: Tensor = x
  for (const layer of layers) single = layer.forward(single as never) as Tensor
  single.sum().backward()
  expect(await single.data()).toEqual(await fused.data())
  expect(await Promise.all(layers.flatMap((l) => l.parameters()).map((p) => p.grad?.data()))).toEqual(grads)
})

test('a summary shows paths, shapes and parameters, and leaves the mode as it was', () => {
  const model = new nn.Sequential(new nn.Conv2d(1, 2, 3), new nn.Flatten(), new nn.Linear(8, 3))
  expect(model.summary([5, 1, 4, 4])).toBe(
    [
      'path     module      output for 5×1×4×4  parameters',
      '(model)  Sequential  5×3                         47',
      '0        Conv2d      5×2×2×2                     20',
      '1        Flatten     5×8                          0',
      '2        Linear      5×3                         27',
    ].join('\n'),
  )
  expect(model.training).toBe(true)
})

test('a parameter must be a leaf', () => {
  const w = nn.parameter(ones([2, 2]))
  expect(() => nn.parameter(matmul(w, w))).toThrow(/parameter: expected a leaf, got the result of matmul/)
  expect(nn.parameter(add(ones([2]), 1), { requiresGrad: false }).requiresGrad).toBe(false)
})
