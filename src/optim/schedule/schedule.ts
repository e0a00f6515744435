import { ArgumentError, FormatError } from '../../errors.js'
import type { GroupOptions, Optimizer } from '../optimizer.js'
import type { ReduceLROnPlateau, ReduceLROnPlateauState } from './plateau.js'

export interface ScheduleState {
  lastEpoch: number
  baseLrs: number[]
  /** Of the schedules that this one is made of. */
  inner: (ScheduleState | ReduceLROnPlateauState)[]
}

/** What a schedule is made of: the rate of a group with this base rate after t steps, and what else follows from t. */
export interface ScheduleRule {
  rate: (baseLr: number, t: number, group: number) => number
  /** The base rates; by default those that the groups had before any schedule. */
  baseLrs?: number[]
  onMove?: (t: number) => void
  /** Of the schedules that this one is made of: called before the rates are asked for. */
  moveInner?: (t: number, figure?: number) => void
  inner?: readonly InnerSchedule[]
}

/** What a schedule can be made of: one that follows from t alone, or one that follows figures. */
export type InnerSchedule = Schedule | ReduceLROnPlateau

// A group's rate before any schedule: schedules that follow each other all start from it.
const initialLrs = new WeakMap<object, number>()

/**
 * Base of the schedules: sets every group's learning rate as a function of its base rate and of how often step() was called.
 * Made, it sets the rate for the first step of the optimiser.
 */
export abstract class Schedule {
  /** How often step() was called. */
  lastEpoch = 0
  /** How often fit calls step(), unless told. */
  readonly every: 'epoch' | 'step' = 'epoch'
  private baseLrs: number[]

  protected constructor(
    protected readonly name: string,
    readonly optimizer: Optimizer<GroupOptions>,
    private readonly rule: ScheduleRule,
  ) {
    this.baseLrs = rule.baseLrs ?? optimizer.groups.map((group) => initialLr(group))
    this.moveTo(0)
  }

  /** To be called after the optimiser's step, or after the epoch; with its figure where a ReduceLROnPlateau is inside. */
  step(figure?: number): void {
    this.moveTo(this.lastEpoch + 1, figure)
  }

  /** The ReduceLROnPlateau that this schedule is made of, among others: step() is to be given its figure. */
  get plateau(): ReduceLROnPlateau | null {
    return this.rule.inner?.map((schedule) => schedule.plateau).find((found) => found !== null) ?? null
  }

  /** The rate of each group, as last set by this schedule. */
  get lastLr(): number[] {
    return this.baseLrs.map((_, group) => this.at(this.lastEpoch, group))
  }

  /** @internal The rate of a group after t steps. */
  at(t: number, group: number): number {
    return this.rule.rate(this.baseLrs[group] as number, t, group)
  }

  /** @internal As after t steps. */
  moveTo(t: number, figure?: number): void {
    this.rule.moveInner?.(t, figure)
    const rates = this.baseLrs.map((_, group) => this.at(t, group))
    this.lastEpoch = t
    this.rule.onMove?.(t)
    for (const [i, { options }] of this.optimizer.groups.entries()) options.lr = rates[i] as number
  }

  /** Plain numbers, for loadStateDict. */
  stateDict(): ScheduleState {
    const inner = (this.rule.inner ?? []).map((schedule) => schedule.stateDict())
    return { lastEpoch: this.lastEpoch, baseLrs: [...this.baseLrs], inner }
  }

  /** Continues where stateDict() was taken; throws FormatError, and changes nothing, if it does not fit. */
  loadStateDict(state: ScheduleState): void {
    this.checkState(state)
    this.restore(state)
    this.moveTo(state.lastEpoch)
  }

  /** @internal */
  checkState({ lastEpoch, baseLrs, inner }: ScheduleState): void {
    const schedules = this.rule.inner ?? []
    const groups = this.baseLrs.length
    if (!Number.isInteger(lastEpoch) || baseLrs?.length !== groups || inner?.length !== schedules.length) {
      throw new FormatError(
        `${this.name}.loadStateDict: expected lastEpoch, ${groups} baseLrs and ${schedules.length} inner schedules, got ` +
          `${lastEpoch}, ${baseLrs?.length} and ${inner?.length}`,
      )
    }
    schedules.forEach((schedule, i) => {
      schedule.checkState(inner[i] as ScheduleState & ReduceLROnPlateauState)
    })
  }

  /** @internal */
  restore({ lastEpoch, baseLrs, inner }: ScheduleState): void {
    this.lastEpoch = lastEpoch
    this.baseLrs = [...baseLrs]
    this.rule.inner?.forEach((schedule, i) => {
      schedule.restore(inner[i] as ScheduleState & ReduceLROnPlateauState)
    })
  }
}

/** The rate that a group had before any schedule. */
export function initialLr(group: { options: GroupOptions }): number {
  const lr = initialLrs.get(group) ?? (group.options.lr as number)
  initialLrs.set(group, lr)
  return lr
}

/** A number for each group: itself for all, or one each. */
export function perGroup(
  name: string,
  option: string,
  optimizer: Optimizer<GroupOptions>,
  value: number | readonly number[],
): number[] {
  const values = typeof value === 'number' ? optimizer.groups.map(() => value) : [...value]
  if (values.length === optimizer.groups.length) return values
  throw new ArgumentError(
    `${name}: expected ${option} for ${optimizer.groups.length} parameter groups, got ${values.length}`,
  )
}
