// A PyTorch state dict with every kind of layer that has one (test/golden/state.py): its names, shapes and values.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { nn, noGrad, type Tensor, tensor, zeros } from 'quern'
import { loadSafetensors, saveSafetensors } from 'quern/io'
import { expect, test } from 'vitest'
import { type GoldenTensor, valuesOf } from '../golden/case.js'
import { goldenPath, readGolden } from '../golden/read.js'
import { expectClose } from './values.js'

class Model extends nn.Module {
  embedding = new nn.Embedding(11, 6, { paddingIdx: 2 })
  signal = new nn.Sequential(
    new nn.Conv1d(6, 8, 3, { padding: 'same', groups: 2 }),
    new nn.BatchNorm1d(8),
    new nn.ReLU(),
    new nn.Conv1d(8, 4, 3, { stride: 2, dilation: 2, bias: false }),
    new nn.BatchNorm1d(4, { affine: false }),
  )
  scale = nn.parameter(zeros([5]))
  declare shift: Tensor
  image = new nn.Sequential(
    new nn.Conv2d(3, 8, 3, { padding: 1 }),
    new nn.BatchNorm2d(8, { momentum: null }),
    new nn.ReLU(),
    new nn.Sequential(
      new nn.Conv2d(8, 8, [3, 2], { groups: 8, bias: false }),
      new nn.BatchNorm2d(8, { trackRunningStats: false }),
      new nn.MaxPool2d(2),
    ),
    new nn.GroupNorm(4, 8),
    new nn.ConvTranspose2d(8, 6, 3, { stride: 2, padding: 1, outputPadding: 1, groups: 2 }),
    new nn.GroupNorm(3, 6, { affine: false }),
    new nn.LocalResponseNorm(3),
    new nn.ConvTranspose2d(6, 4, 2, { bias: false }),
    new nn.LayerNorm([5, 5]),
    new nn.AdaptiveAvgPool2d(1),
    new nn.Flatten(),
  )
  heads = new nn.ModuleList([
    new nn.Linear(4, 5),
    new nn.Linear(4, 5, { bias: false }),
    new nn.ModuleList([new nn.Linear(5, 3)]),
  ])
  norm = new nn.LayerNorm(5, { elementwiseAffine: false })
  shared = new nn.Sequential(this.head(0), new nn.GELU(), new nn.Linear(5, 4), new nn.GELU(), this.head(0))

  constructor() {
    super()
    this.registerBuffer('shift', zeros([5]))
  }

  private head(i: number, list = this.heads): nn.Linear {
    return list[i] as nn.Linear
  }

  forward(image: Tensor, index: Tensor<'int32'>): Tensor {
    const a = this.shared.forward(this.image.forward(image))
    const b = this.signal.forward(this.embedding.forward(index).transpose(1, 2)).mean({ dim: 2 })
    const h = this.norm
      .forward(a.add(this.head(1).forward(b)))
      .mul(this.scale)
      .add(this.shift)
    return this.head(0, this.heads[2] as nn.ModuleList).forward(h)
  }
}

interface Golden {
  shapes: [string, number[]][]
  image: GoldenTensor
  index: GoldenTensor
  output: GoldenTensor
  trained: GoldenTensor
}

const golden = readGolden<Golden>('state.json')
const image = () => tensor(valuesOf(golden.image), { shape: golden.image.shape })
const index = () => tensor(valuesOf(golden.index), { shape: golden.index.shape, dtype: 'int32' })
const evaluated = (model: Model) => noGrad(() => model.eval().forward(image(), index()).data())

test('a state dict has PyTorch’s names in its order, and its shapes', () => {
  const own = Object.entries(new Model().stateDict()).map(([name, t]) => [name, t.shape])
  expect(own).toEqual(golden.shapes)
})

test('a model gives what PyTorch’s gives, whose file it loads', async () => {
  const dict = await loadSafetensors(goldenPath('state.safetensors'))
  expect(Object.keys(dict)).toEqual(golden.shapes.map(([name]) => name))
  const model = new Model()
  model.loadStateDict(dict)
  for (const [name, t] of Object.entries(model.stateDict())) {
    expect(await t.data(), name).toEqual(await dict[name]?.data())
  }
  expect(await model.signal.stateDict()['1.num_batches_tracked']?.item()).toBe(3)
  expectClose(await evaluated(model), valuesOf(golden.output), 1e-5)
  expectClose(await model.train().forward(image(), index()).data(), valuesOf(golden.trained), 1e-5)
  expect(await model.signal.stateDict()['1.num_batches_tracked']?.item()).toBe(4)
})

test('a file that a model saved gives the same model', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'quern-state-'))
  try {
    const model = new Model()
    model.train().forward(image(), index())
    await saveSafetensors(join(folder, 'model.safetensors'), model.stateDict())
    const copy = new Model()
    copy.loadStateDict(await loadSafetensors(join(folder, 'model.safetensors')))
    expect(await evaluated(copy)).toEqual(await evaluated(model))
    for (const [name, t] of Object.entries(copy.stateDict())) {
      const own = model.stateDict()[name]
      expect([name, t.dtype, await t.data()]).toEqual([name, own?.dtype, await own?.data()])
    }
  } finally {
    rmSync(folder, { recursive: true })
  }
})
