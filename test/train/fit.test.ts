import { crossEntropy, manualSeed, mseLoss, NonFiniteError, nn, optim, randn, type Tensor, tensor } from 'quern'
import { accuracy, evaluate, fit, type Loss, predict } from 'quern/train'
import { expect, test } from 'vitest'

// Two classes, told apart by a line.
function batches(count: number, size: number): [Tensor, Tensor<'int32'>][] {
  return Array.from({ length: count }, (_, b) => {
    const points = Array.from({ length: size }, (_, i) => [Math.sin(3 * (b * size + i)), Math.cos(5 * (b * size + i))])
    const classes = points.map(([x, y]) => Number((x as number) + (y as number) > 0))
    return [tensor(points), tensor(Int32Array.from(classes))]
  })
}

const classifier = () => new nn.Sequential(new nn.Linear(2, 16), new nn.ReLU(), new nn.Linear(16, 2))
const weights = async (model: nn.Module) =>
  (await Promise.all(model.parameters().map((p) => p.data()))).map((w) => [...w])

test('fit learns, reports every step, and evaluates', async () => {
  manualSeed(1)
  const model = classifier()
  const seen: string[] = []
  const history = await fit(model, batches(8, 32), {
    loss: crossEntropy,
    metrics: { accuracy },
    optimizer: new optim.AdamW(model.parameters(), { lr: 0.02 }),
    epochs: 6,
    validation: batches(2, 50),
    callbacks: [
      {
        onTrainBegin: () => void seen.push('train'),
        onEpochBegin: ({ epoch }) => void seen.push(`epoch ${epoch}`),
        onStepEnd: ({ step, steps }) => void (step === 1 && seen.push(`step 1 of ${steps}`)),
        onEpochEnd: ({ logs }) => void seen.push(Object.keys(logs).join()),
        onTrainEnd: () => void seen.push('end'),
      },
    ],
  })
  expect(seen.slice(0, 4)).toEqual(['train', 'epoch 1', 'step 1 of 8', 'loss,accuracy,val_loss,val_accuracy'])
  expect(seen.at(-1)).toBe('end')
  expect(history.rows.length).toBe(48)
  expect(history.column('val_accuracy').at(-1)).toBeGreaterThan(0.95)
  const figures = await evaluate(model, batches(2, 50), { loss: crossEntropy, metrics: { accuracy } })
  expect(figures.accuracy).toBe(history.column('val_accuracy').at(-1))
  expect(figures.loss).toBeCloseTo(history.column('val_loss').at(-1) as number, 6)
})

test('evaluate weighs batches by size, in evaluation mode, and puts the mode back', async () => {
  class Constant extends nn.Module {
    forward(x: Tensor): Tensor {
      return x.mul(this.training ? 100 : 1)
    }
  }
  const model = new Constant()
  const loader: [Tensor, Tensor][] = [
    [tensor([[1], [1], [1]]), tensor([[0], [0], [0]])],
    [tensor([[3]]), tensor([[0]])],
  ]
  expect(await evaluate(model, loader, { loss: (a, b) => mseLoss(a, b as Tensor) })).toEqual({ loss: 3 })
  expect(await predict(model, tensor([2])).data()).toEqual(Float32Array.of(2))
  expect(model.training).toBe(true)
  await expect(evaluate(model, [], { loss: mseLoss })).rejects.toThrow(/evaluate: expected at least one batch/)
})

test('an abort stops within one batch, with the reason, and the loop can go on later', async () => {
  const model = classifier()
  const optimizer = new optim.SGD(model.parameters(), { lr: 0.1 })
  const stop = new AbortController()
  let steps = 0
  let ended = false
  const training = fit(model, batches(50, 4), {
    loss: crossEntropy,
    optimizer,
    signal: stop.signal,
    callbacks: [
      {
        onStepEnd: () => void (++steps === 7 && stop.abort(new Error('enough'))),
        onTrainEnd: () => void (ended = true),
      },
    ],
  })
  await expect(training).rejects.toThrow('enough')
  expect(steps).toBe(7)
  expect(ended).toBe(true)
  const history = await fit(model, batches(3, 4), { loss: crossEntropy, optimizer })
  expect(history.rows.length).toBe(3)
})

test('a loss that is not finite names the step and the layer, and changes nothing', async () => {
  class Explode extends nn.Module {
    forward(x: Tensor): Tensor {
      return x.mul(1e30).mul(1e30)
    }
  }
  const model = new nn.Sequential(new nn.Linear(2, 4), new nn.ReLU(), new Explode(), new nn.Linear(4, 2))
  const optimizer = new optim.AdamW(model.parameters())
  const before = await weights(model)
  const training = fit(model, batches(3, 4), { loss: crossEntropy, optimizer })
  await expect(training).rejects.toThrow(NonFiniteError)
  await expect(fit(model, batches(3, 4), { loss: crossEntropy, optimizer })).rejects.toThrow(
    /^fit: expected a finite loss, got NaN at step 1 of epoch 1; the first output that is not finite is that of layer '2' \(Explode\)\./,
  )
  expect(await weights(model)).toEqual(before)
})

test('NaN in the batch, in a parameter or from the loss is told apart', async () => {
  const bad = batches(1, 4)
  const [, y] = bad[0] as [Tensor, Tensor<'int32'>]
  const run = (model: nn.Module, x: Tensor, loss: Loss = crossEntropy) =>
    fit(model, [[x, y]], { loss, optimizer: new optim.SGD(model.parameters()) })
  await expect(run(classifier(), randn([4, 2]).div(0))).rejects.toThrow(
    /the input batch holds values that are not finite/,
  )
  const broken = classifier()
  nn.init.constant_(broken.parameters()[2] as Tensor, Number.NaN)
  await expect(run(broken, randn([4, 2]))).rejects.toThrow(/parameter '2\.weight' holds values that are not finite/)
  const negative = (o: Tensor) => o.mean().sub(1e6).log()
  await expect(run(classifier(), randn([4, 2]), negative)).rejects.toThrow(/comes from the loss function/)
})

test('the same seed gives the same weights, bit for bit', async () => {
  const train = async () => {
    manualSeed(42)
    const model = new nn.Sequential(
      ...[new nn.Conv2d(1, 8, 3, { padding: 1 }), new nn.ReLU(), new nn.MaxPool2d(2), new nn.Flatten()],
      ...[new nn.Linear(8 * 49, 32), new nn.ReLU(), new nn.Dropout(0.5), new nn.Linear(32, 10)],
    )
    const loader = Array.from({ length: 10 }, (_, i): [Tensor, Tensor<'int32'>] => [
      randn([64, 1, 14, 14]),
      tensor(Int32Array.from({ length: 64 }, (_, k) => (k * i) % 10)),
    ])
    await fit(model, loader, { loss: crossEntropy, optimizer: new optim.AdamW(model.parameters()), epochs: 2 })
    return weights(model)
  }
  expect(await train()).toEqual(await train())
})

test('options out of range and a loader without batches', async () => {
  const model = classifier()
  const optimizer = new optim.SGD(model.parameters())
  await expect(fit(model, [], { loss: crossEntropy, optimizer, epochs: -1 })).rejects.toThrow(/fit: expected epochs/)
  await expect(fit(model, [], { loss: crossEntropy, optimizer })).rejects.toThrow(/fit: expected at least one batch/)
  expect((await fit(model, [], { loss: crossEntropy, optimizer, epochs: 0 })).rows).toEqual([])
})

test('a schedule steps after every epoch or batch, and gradients are clipped before the step', async () => {
  const rates: number[][] = []
  for (const scheduleEvery of [undefined, 'step'] as const) {
    const model = classifier()
    const optimizer = new optim.SGD(model.parameters(), { lr: 1 })
    const schedule = new optim.StepLR(optimizer, { stepSize: 1, gamma: 0.5 })
    const seen: number[] = []
    const callbacks = [{ onStepEnd: () => void seen.push(optimizer.lr) }]
    await fit(model, batches(2, 8), { loss: crossEntropy, optimizer, schedule, scheduleEvery, epochs: 2, callbacks })
    rates.push([...seen, optimizer.lr])
  }
  expect(rates).toEqual([
    [1, 1, 0.5, 0.5, 0.25],
    [0.5, 0.25, 0.125, 0.0625, 0.0625],
  ])
  const model = classifier()
  const before = (await weights(model)).flat()
  const optimizer = new optim.SGD(model.parameters(), { lr: 1 })
  const schedule = new optim.OneCycleLR(optimizer, { maxLr: 25, totalSteps: 10, cycleMomentum: false })
  await fit(model, batches(1, 8), { loss: crossEntropy, optimizer, schedule, clipGradNorm: 1e-3 })
  const moved = (await weights(model)).flat().map((w, i) => w - (before[i] as number))
  expect(Math.hypot(...moved)).toBeCloseTo(1e-3, 6)
  expect(schedule.lastEpoch).toBe(1)
})

test('ReduceLROnPlateau watches a figure of the epoch', async () => {
  const model = classifier()
  const optimizer = new optim.SGD(model.parameters(), { lr: 1e-3 })
  const options = { loss: crossEntropy, optimizer, epochs: 3, validation: batches(1, 8) }
  const worse = new optim.ReduceLROnPlateau(optimizer, { mode: 'max', patience: 0, threshold: 1 })
  await fit(model, batches(2, 8), { ...options, schedule: worse })
  expect(optimizer.lr).toBeCloseTo(1e-5, 12)
  const missing = new optim.ReduceLROnPlateau(optimizer, { monitor: 'val_accuracy' })
  await expect(fit(model, batches(2, 8), { ...options, schedule: missing })).rejects.toThrow(
    /^fit: expected ReduceLROnPlateau's monitor 'val_accuracy' among the figures, got loss, val_loss/,
  )
})

test('ReduceLROnPlateau watches it from inside warm-up too', async () => {
  const model = classifier()
  const optimizer = new optim.SGD(model.parameters(), { lr: 1e-3 })
  const plateau = new optim.ReduceLROnPlateau(optimizer, { mode: 'max', patience: 0, threshold: 1 })
  const rates: number[] = []
  const callbacks = [{ onEpochEnd: () => void rates.push(optimizer.lr as number) }]
  const schedule = optim.warmup(plateau, 2)
  await fit(model, batches(2, 8), { loss: crossEntropy, optimizer, epochs: 5, schedule, callbacks })
  expect(rates.map((lr) => lr.toExponential(6))).toEqual(
    [1e-3, 1e-3, 1e-3, 1e-4, 1e-5].map((lr) => lr.toExponential(6)),
  )
})
