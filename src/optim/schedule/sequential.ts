import { ArgumentError } from '../../errors.js'
import { checkInteger } from '../../ops/check.js'
import type { GroupOptions, Optimizer } from '../optimizer.js'
import { checkMilestones } from './decay.js'
import { type InnerSchedule, Schedule } from './schedule.js'

export interface SequentialLROptions {
  schedules: readonly InnerSchedule[]
  /** The step at which each schedule but the first begins, ascending. */
  milestones: readonly number[]
}

/**
 * One schedule after another: from each milestone on the next one, from its own beginning; ReduceLROnPlateau begins at the
 * rates before any schedule, and step(figure) gives it the figures from its second step on.
 */
export class SequentialLR extends Schedule {
  constructor(optimizer: Optimizer<GroupOptions>, { schedules, milestones }: SequentialLROptions) {
    checkMilestones('SequentialLR', milestones)
    if (schedules.length !== milestones.length + 1) {
      throw new ArgumentError(
        `SequentialLR: expected one schedule more than milestones, got ${schedules.length} and ${milestones.length}`,
      )
    }
    if (schedules.some((schedule) => schedule.optimizer !== optimizer)) {
      throw new ArgumentError('SequentialLR: expected schedules of the same optimizer, got one of another')
    }
    const active = (t: number) => {
      const index = milestones.filter((m) => m <= t).length
      return [schedules[index] as InnerSchedule, t - (milestones[index - 1] ?? 0)] as const
    }
    const rate = (_: number, t: number, group: number) => {
      const [schedule, since] = active(t)
      return schedule.at(since, group)
    }
    const moveInner = (t: number, figure?: number) => {
      const [schedule, since] = active(t)
      schedule.moveTo(since, figure)
    }
    super('SequentialLR', optimizer, { rate, moveInner, inner: schedules })
  }
}

class Warmup extends Schedule {
  override readonly every: 'epoch' | 'step'

  constructor(schedule: InnerSchedule, steps: number) {
    checkInteger('warmup', 'steps', steps, 0)
    const rate = (_: number, t: number, group: number) =>
      t < steps ? (schedule.at(0, group) * (t + 1)) / steps : schedule.at(t - steps, group)
    const moveInner = (t: number, figure?: number) => schedule.moveTo(Math.max(0, t - steps), figure)
    super('warmup', schedule.optimizer, { rate, moveInner, inner: [schedule] })
    this.every = schedule.every
  }
}

/** Linear warm-up: the first `steps` steps run at 1/steps, 2/steps, … 1 of the schedule's first rate; then the schedule begins. */
export const warmup = (schedule: InnerSchedule, steps: number): Schedule => new Warmup(schedule, steps)
