import { ArgumentError } from '../../errors.js'
import { checkInteger, checkNumber } from '../../ops/check.js'
import type { GroupOptions, Optimizer } from '../optimizer.js'
import { Schedule } from './schedule.js'

export interface StepLROptions {
  /** Steps from one decay to the next. */
  stepSize: number
  gamma?: number
}

/** α₀·gamma^⌊t / stepSize⌋. */
export class StepLR extends Schedule {
  constructor(optimizer: Optimizer<GroupOptions>, { stepSize, gamma = 0.1 }: StepLROptions) {
    checkInteger('StepLR', 'stepSize', stepSize, 1)
    checkNumber('StepLR', 'gamma', gamma, 0)
    super('StepLR', optimizer, { rate: (lr, t) => lr * gamma ** Math.floor(t / stepSize) })
  }
}

export interface MultiStepLROptions {
  /** The steps at which the rate decays, ascending; one that comes twice decays twice. */
  milestones: readonly number[]
  gamma?: number
}

/** α₀·gamma^(number of milestones reached). */
export class MultiStepLR extends Schedule {
  constructor(optimizer: Optimizer<GroupOptions>, { milestones, gamma = 0.1 }: MultiStepLROptions) {
    checkMilestones('MultiStepLR', milestones)
    checkNumber('MultiStepLR', 'gamma', gamma, 0)
    const reached = (t: number) => milestones.filter((m) => m <= t).length
    super('MultiStepLR', optimizer, { rate: (lr, t) => lr * gamma ** reached(t) })
  }
}

/** α₀·gammaᵗ. */
export class ExponentialLR extends Schedule {
  constructor(optimizer: Optimizer<GroupOptions>, { gamma }: { gamma: number }) {
    checkNumber('ExponentialLR', 'gamma', gamma, 0)
    super('ExponentialLR', optimizer, { rate: (lr, t) => lr * gamma ** t })
  }
}

export interface LinearLROptions {
  startFactor?: number
  endFactor?: number
  /** Steps from one factor to the other. */
  totalIters?: number
}

/**
 * α₀ times a factor that goes in a line from startFactor to endFactor in totalIters steps, and stays; α₀(1 − t/T) is
 * `{ startFactor: 1, endFactor: 0, totalIters: T }`.
 */
export class LinearLR extends Schedule {
  constructor(optimizer: Optimizer<GroupOptions>, options: LinearLROptions = {}) {
    const { startFactor = 1 / 3, endFactor = 1, totalIters = 5 } = options
    checkNumber('LinearLR', 'startFactor', startFactor, 0, 1)
    checkNumber('LinearLR', 'endFactor', endFactor, 0, 1)
    checkInteger('LinearLR', 'totalIters', totalIters, 1)
    const factor = (t: number) => startFactor + ((endFactor - startFactor) * Math.min(t, totalIters)) / totalIters
    super('LinearLR', optimizer, { rate: (lr, t) => lr * factor(t) })
  }
}

/** α₀ / √t, where the first step has t = 1. */
export class InverseSqrtLR extends Schedule {
  constructor(optimizer: Optimizer<GroupOptions>) {
    super('InverseSqrtLR', optimizer, { rate: (lr, t) => lr / Math.sqrt(t + 1) })
  }
}

/** Throws ArgumentError unless these are ascending whole numbers. */
export function checkMilestones(name: string, milestones: readonly number[]): void {
  const ascending = milestones.every((m, i) => Number.isInteger(m) && m >= (milestones[i - 1] ?? 0))
  if (ascending) return
  throw new ArgumentError(`${name}: expected milestones to be ascending integers, got ${JSON.stringify(milestones)}`)
}
