// Learning rates over 100 steps against PyTorch's (test/golden/schedules.py), and saving in the middle.
import { optim, tensor } from 'quern'
import { describe, expect, test } from 'vitest'
import { readGolden } from '../golden/read.js'

type Description = [name: string, options: Record<string, never>]
interface Run {
  schedule: string
  options: Record<string, never>
  lrs: number[][]
  momenta?: number[][]
}
type Constructor = new (optimizer: optim.SGD, options: unknown) => optim.Schedule

const golden = readGolden<{ base: number[]; figures: number[]; runs: Run[] }>('schedules.json')

function newOptimizer(): optim.SGD {
  const groups = golden.base.map((lr) => ({ params: [tensor([0], { requiresGrad: true })], lr }))
  return new optim.SGD(groups, { momentum: 0.9 })
}

function make(optimizer: optim.SGD, name: string, options: Record<string, unknown>): optim.Schedule {
  const nested = ([inner, its]: Description) => make(optimizer, inner, its)
  if (name === 'warmup') return optim.warmup(nested(options.schedule as Description), options.steps as number)
  if (name === 'SequentialLR') {
    const schedules = (options.schedules as Description[]).map(nested)
    return new optim.SequentialLR(optimizer, { schedules, milestones: options.milestones as number[] })
  }
  return new (optim[name as keyof typeof optim] as unknown as Constructor)(optimizer, options)
}

// Rates within 1e-12 of each other, relative to the expected one; PyTorch's recurrences leave 1e-17 where the formula is 0.
function expectRates(actual: readonly number[], expected: readonly number[]): void {
  expect(actual.length).toBe(expected.length)
  actual.forEach((lr, i) => {
    const e = expected[i] as number
    expect(Math.abs(lr - e)).toBeLessThanOrEqual(1e-12 * Math.abs(e) + 1e-15)
  })
}

function stepOnce(schedule: optim.Schedule, t: number): void {
  schedule.step(golden.figures[t])
}

const titled = golden.runs.map((r) => [`${r.schedule} ${JSON.stringify(r.options)}`, r] as const)

describe('schedules follow PyTorch', () => {
  test.each(titled)('%s', (_, { schedule: name, options, lrs, momenta }) => {
    const optimizer = newOptimizer()
    const schedule = make(optimizer, name, options)
    for (const [t, expected] of lrs.entries()) {
      expectRates(schedule.lastLr, expected)
      expectRates(
        optimizer.groups.map((group) => group.options.lr as number),
        expected,
      )
      const momentum = optimizer.groups.map((group) => group.options.momentum as number)
      if (momenta) expectRates(momentum, momenta[t] as number[])
      if (t < lrs.length - 1) stepOnce(schedule, t)
    }
  })
})

describe('schedules go on where they were saved', () => {
  test.each(titled)('%s', (_, { schedule: name, options, lrs }) => {
    const first = make(newOptimizer(), name, options)
    for (let t = 0; t < 50; t++) stepOnce(first, t)
    const optimizer = newOptimizer()
    optimizer.lr = 123
    const second = make(optimizer, name, options)
    second.loadStateDict(JSON.parse(JSON.stringify(first.stateDict())))
    for (let t = 50; t < 100; t++) {
      expectRates(
        optimizer.groups.map((group) => group.options.lr as number),
        lrs[t] as number[],
      )
      stepOnce(first, t)
      stepOnce(second, t)
      expect(second.lastLr).toEqual(first.lastLr)
    }
  })
})

test('a state of other groups is refused and changes nothing', () => {
  const schedule = new optim.StepLR(newOptimizer(), { stepSize: 1 })
  schedule.step()
  const state = { lastEpoch: 7, baseLrs: [1], inner: [] }
  expect(() => schedule.loadStateDict(state)).toThrow(
    /^StepLR\.loadStateDict: expected lastEpoch, 2 baseLrs and 0 inner/,
  )
  expect(schedule.lastEpoch).toBe(1)
  const plateau = new optim.ReduceLROnPlateau(newOptimizer())
  expect(() => plateau.loadStateDict({ ...plateau.stateDict(), lrs: [1] })).toThrow(/expected 2 lrs .*, got 1/)
})

// PyTorch's SequentialLR gives no figure; inside ours a ReduceLROnPlateau must do what it does alone, only later.
describe('ReduceLROnPlateau inside another schedule', () => {
  const options = { patience: 2, factor: 0.5, cooldown: 1 }
  const rates = (optimizer: optim.SGD) => optimizer.groups.map((group) => group.options.lr as number)
  const alone = () => {
    const optimizer = newOptimizer()
    const plateau = new optim.ReduceLROnPlateau(optimizer, options)
    return golden.figures.slice(0, 60).map((figure) => {
      plateau.step(figure)
      return rates(optimizer)
    })
  }
  const made: Record<string, (optimizer: optim.SGD) => optim.Schedule> = {
    warmup: (optimizer) => optim.warmup(new optim.ReduceLROnPlateau(optimizer, options), 7),
    SequentialLR: (optimizer) =>
      new optim.SequentialLR(optimizer, {
        schedules: [
          new optim.LinearLR(optimizer, { startFactor: 1 / 7, totalIters: 6 }),
          new optim.ReduceLROnPlateau(optimizer, options),
        ],
        milestones: [7],
      }),
  }

  test.each(Object.entries(made))('%s', (_, make) => {
    const optimizer = newOptimizer()
    const schedule = make(optimizer)
    for (let t = 0; t < 7; t++) {
      expectRates(
        rates(optimizer),
        golden.base.map((lr) => (lr * (t + 1)) / 7),
      )
      schedule.step(golden.figures[99 - t])
    }
    expect(rates(optimizer)).toEqual(golden.base)
    const expected = alone()
    expect(new Set(expected.map(([lr]) => lr)).size).toBeGreaterThan(3)
    for (const [t, lrs] of expected.entries()) {
      schedule.step(golden.figures[t])
      expect(rates(optimizer)).toEqual(lrs)
      expect(schedule.lastLr).toEqual(lrs)
    }
  })

  test.each(Object.entries(made))('%s goes on where it was saved', (_, make) => {
    for (const saved of [3, 7, 8, 20, 41]) {
      const [first, second] = [newOptimizer(), newOptimizer()]
      const a = make(first)
      for (let t = 0; t < saved; t++) a.step(golden.figures[t])
      second.lr = 123
      const b = make(second)
      b.loadStateDict(JSON.parse(JSON.stringify(a.stateDict())))
      for (let t = saved; t < 60; t++) {
        expect(rates(second)).toEqual(rates(first))
        for (const schedule of [a, b]) schedule.step(golden.figures[t])
      }
    }
  })

  test.each(Object.entries(made))('%s without a figure is refused and changes nothing', (_, make) => {
    const optimizer = newOptimizer()
    const schedule = make(optimizer)
    for (let t = 0; t < 7; t++) schedule.step()
    expect(() => schedule.step()).toThrow(/^ReduceLROnPlateau: expected the figure it follows, as in step\(loss\), got/)
    expect(schedule.lastEpoch).toBe(7)
    expect(rates(optimizer)).toEqual(golden.base)
  })
})
