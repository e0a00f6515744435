// Wrong calls of optimisers, schedules and clipping: the error comes at the call and says what was expected and what came.
import { optim, QuernError, tensor } from 'quern'
import { expect, test } from 'vitest'

const p = () => tensor([1, 2], { requiresGrad: true })
const sgd = () => new optim.SGD([p()], { lr: 0.1 })
const anything = (v: unknown) => v as never

const wrong: [string, () => unknown, RegExp][] = [
  ['a negative l1', () => new optim.SGD([p()], { l1: -1 }), /^SGD: expected l1 to be a number of at least 0, got -1/],
  ['a negative decay of lr', () => new optim.Adagrad([p()], { lrDecay: -1 }), /^Adagrad: expected lrDecay/],
  ['a rho above 1', () => new optim.Adadelta([p()], { rho: 1.5 }), /^Adadelta: expected rho .* from 0 to 1, got 1.5/],
  ['a negative alpha', () => new optim.RMSprop([p()], { alpha: -0.1 }), /^RMSprop: expected alpha/],
  [
    'an option of one group',
    () => new optim.Adam([{ params: [p()], eps: -1 }]),
    /^Adam: expected eps to be a number of at least 0, got -1/,
  ],
  ['a negative norm', () => optim.clipGradNorm([p()], -1), /^clipGradNorm: expected maxNorm/],
  ['a norm of type 0', () => optim.clipGradNorm([p()], 1, { normType: 0 }), /^clipGradNorm: expected normType/],
  [
    'what is no tensor',
    () => optim.clipGradNorm(anything([1]), 1),
    /^clipGradNorm: expected every parameter to be a tensor/,
  ],
  ['a negative bound', () => optim.clipGradValue([p()], -1), /^clipGradValue: expected clipValue/],
  ['a step size of 0', () => new optim.StepLR(sgd(), { stepSize: 0 }), /^StepLR: expected stepSize .* of at least 1/],
  [
    'falling milestones',
    () => new optim.MultiStepLR(sgd(), { milestones: [5, 3] }),
    /^MultiStepLR: expected milestones to be ascending integers, got \[5,3\]/,
  ],
  ['a factor above 1', () => new optim.LinearLR(sgd(), { startFactor: 2 }), /^LinearLR: expected startFactor/],
  ['tMax of 0', () => new optim.CosineAnnealingLR(sgd(), { tMax: 0 }), /^CosineAnnealingLR: expected tMax/],
  [
    'a broken tMult',
    () => new optim.CosineAnnealingWarmRestarts(sgd(), { t0: 2, tMult: 1.5 }),
    /^CosineAnnealingWarmRestarts: expected tMult/,
  ],
  [
    'an unknown strategy',
    () => new optim.OneCycleLR(sgd(), { maxLr: 1, totalSteps: 5, annealStrategy: anything('exp') }),
    /^OneCycleLR: expected annealStrategy 'cos' or 'linear', got exp/,
  ],
  [
    'a momentum that is not there',
    () => new optim.OneCycleLR(new optim.Adagrad([p()]), { maxLr: 1, totalSteps: 5 }),
    /^OneCycleLR: expected an optimizer with momentum or betas, got one without; pass cycleMomentum: false/,
  ],
  [
    'rates for other groups',
    () => new optim.OneCycleLR(sgd(), { maxLr: [1, 2], totalSteps: 5 }),
    /^OneCycleLR: expected maxLr for 1 parameter groups, got 2/,
  ],
  [
    'a plateau factor of 1',
    () => new optim.ReduceLROnPlateau(sgd(), { factor: 1 }),
    /^ReduceLROnPlateau: expected fac/,
  ],
  [
    'an unknown mode',
    () => new optim.ReduceLROnPlateau(sgd(), { mode: anything('best') }),
    /^ReduceLROnPlateau: expected mode 'min' or 'max', got best/,
  ],
  [
    'too few milestones',
    () => new optim.SequentialLR(sgd(), { schedules: [], milestones: [] }),
    /^SequentialLR: expected one schedule more than milestones, got 0 and 0/,
  ],
  [
    'a schedule of another optimizer',
    () => new optim.SequentialLR(sgd(), { schedules: [new optim.LinearLR(sgd())], milestones: [] }),
    /^SequentialLR: expected schedules of the same optimizer/,
  ],
  ['a broken warm-up', () => optim.warmup(new optim.LinearLR(sgd()), 1.5), /^warmup: expected steps/],
]

test.each(wrong)('%s', (_, call, message) => {
  expect(call).toThrow(QuernError)
  expect(call).toThrow(message)
})

test('gradients of two dtypes are not clipped together', () => {
  const [a, b] = [p(), tensor([1], { dtype: 'float64', requiresGrad: true })]
  a.grad = tensor([1, 2])
  b.grad = tensor([3], { dtype: 'float64' })
  expect(() => optim.clipGradNorm([a, b] as never, 1)).toThrow(/^clipGradNorm: expected gradients of one dtype/)
})

test('the state of another optimizer, or with options out of range, changes nothing', () => {
  const [a, b] = [p(), p()]
  a.grad = tensor([1, 2])
  const adam = new optim.Adam([a])
  adam.step()
  const adagrad = new optim.Adagrad([b])
  const before = JSON.stringify(adagrad.stateDict())
  expect(() => adagrad.loadStateDict(anything(adam.stateDict()))).toThrow(
    /^Adagrad\.loadStateDict: expected sum of parameter 0, got expAvg, expAvgSq/,
  )
  const { state, groups } = adagrad.stateDict()
  const broken = { state, groups: groups.map((group) => ({ ...group, lr: -1 })) }
  expect(() => adagrad.loadStateDict(broken)).toThrow(/^Adagrad: expected lr/)
  expect(JSON.stringify(adagrad.stateDict())).toBe(before)
})

test('a one-cycle has no step after its last', () => {
  const schedule = new optim.OneCycleLR(sgd(), { maxLr: 1, totalSteps: 3 })
  for (let t = 0; t < 3; t++) schedule.step()
  expect(() => schedule.step()).toThrow(/^OneCycleLR: expected at most 3 steps, got 4/)
  expect(schedule.lastEpoch).toBe(3)
})
