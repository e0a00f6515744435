import { ArgumentError, FormatError } from '../../errors.js'
import { checkInteger, checkNumber } from '../../ops/check.js'
import type { GroupOptions, Optimizer } from '../optimizer.js'
import { initialLr, perGroup } from './schedule.js'

export interface ReduceLROnPlateauOptions {
  /** Whether the figure is better when lower or when higher. */
  mode?: 'min' | 'max'
  factor?: number
  /** Steps without a better figure that are let pass. */
  patience?: number
  /** How much better is better: a share of the best (thresholdMode 'rel'), or a difference ('abs'). */
  threshold?: number
  thresholdMode?: 'rel' | 'abs'
  /** Steps after a reduction in which nothing counts as bad. */
  cooldown?: number
  minLr?: number | readonly number[]
  /** Smaller reductions are left out. */
  eps?: number
  /** The figure that fit watches: val_loss by default, or loss where there is no validation. */
  monitor?: string
}

export interface ReduceLROnPlateauState {
  lastEpoch: number
  /** Null before the first figure. */
  best: number | null
  badEpochs: number
  cooldown: number
  lrs: number[]
  /** Where it begins, if it follows another schedule. */
  baseLrs: number[]
}

const defaults = {
  mode: 'min',
  factor: 0.1,
  patience: 10,
  threshold: 1e-4,
  thresholdMode: 'rel',
  cooldown: 0,
  minLr: 0,
  eps: 1e-8,
  monitor: undefined,
} as const

/** lr ← lr·factor when the figure given to step() has not become better for more than `patience` steps. */
export class ReduceLROnPlateau {
  readonly every = 'epoch'
  readonly monitor: string | undefined
  lastEpoch = 0
  private readonly options: Omit<Required<ReduceLROnPlateauOptions>, 'monitor' | 'minLr'>
  private readonly minLrs: number[]
  private baseLrs: number[]
  /** @internal */
  readonly plateau = this
  private best: number
  private badEpochs = 0
  private cooldown = 0

  constructor(
    readonly optimizer: Optimizer<GroupOptions>,
    options: ReduceLROnPlateauOptions = {},
  ) {
    const { monitor, minLr, ...rest } = { ...defaults, ...options }
    checkNumber('ReduceLROnPlateau', 'factor', rest.factor, 0, 1 - Number.EPSILON / 2)
    checkInteger('ReduceLROnPlateau', 'patience', rest.patience, 0)
    checkInteger('ReduceLROnPlateau', 'cooldown', rest.cooldown, 0)
    checkNumber('ReduceLROnPlateau', 'threshold', rest.threshold, 0)
    checkNumber('ReduceLROnPlateau', 'eps', rest.eps, 0)
    checkChoice('mode', rest.mode, 'min', 'max')
    checkChoice('thresholdMode', rest.thresholdMode, 'rel', 'abs')
    this.options = rest
    this.monitor = monitor
    this.minLrs = perGroup('ReduceLROnPlateau', 'minLr', optimizer, minLr)
    this.baseLrs = optimizer.groups.map((group) => initialLr(group))
    this.best = this.worst
  }

  /** To be called after each validation with its figure. */
  step(figure: number): void {
    if (typeof figure !== 'number') {
      throw new ArgumentError(
        `ReduceLROnPlateau: expected the figure it follows, as in step(loss), got ${typeof figure}`,
      )
    }
    const { options } = this
    this.lastEpoch++
    if (this.isBetter(figure)) {
      this.best = figure
      this.badEpochs = 0
    } else {
      this.badEpochs++
    }
    if (this.cooldown > 0) {
      this.cooldown--
      this.badEpochs = 0
    }
    if (this.badEpochs <= options.patience) return
    this.reduce()
    this.cooldown = options.cooldown
    this.badEpochs = 0
  }

  /** @internal The rate of a group: as it was before any schedule at t = 0, and as it is afterwards. */
  at(t: number, group: number): number {
    return t === 0 ? (this.baseLrs[group] as number) : (this.lastLr[group] as number)
  }

  /** @internal As part of another schedule: begins at t = 0, and then takes a step each time. */
  moveTo(t: number, figure?: number): void {
    if (t === 0)
      this.restore({ ...this.stateDict(), lastEpoch: 0, best: null, badEpochs: 0, cooldown: 0, lrs: this.baseLrs })
    else if (t !== this.lastEpoch) this.step(figure as number)
  }

  /** The rate of each group. */
  get lastLr(): number[] {
    return this.optimizer.groups.map((group) => group.options.lr as number)
  }

  /** Plain numbers, for loadStateDict. */
  stateDict(): ReduceLROnPlateauState {
    const { lastEpoch, badEpochs, cooldown, lastLr, baseLrs } = this
    const best = Number.isFinite(this.best) ? this.best : null
    return { lastEpoch, best, badEpochs, cooldown, lrs: lastLr, baseLrs: [...baseLrs] }
  }

  /** Continues where stateDict() was taken; throws FormatError, and changes nothing, if it does not fit. */
  loadStateDict(state: ReduceLROnPlateauState): void {
    this.checkState(state)
    this.restore(state)
  }

  /** @internal */
  checkState({ lrs, baseLrs }: ReduceLROnPlateauState): void {
    const groups = this.optimizer.groups.length
    if (lrs?.length === groups && baseLrs?.length === groups) return
    throw new FormatError(
      `ReduceLROnPlateau.loadStateDict: expected ${groups} lrs and baseLrs, got ${lrs?.length} and ${baseLrs?.length}`,
    )
  }

  /** @internal */
  restore({ lastEpoch, best, badEpochs, cooldown, lrs, baseLrs }: ReduceLROnPlateauState): void {
    Object.assign(this, { lastEpoch, best: best ?? this.worst, badEpochs, cooldown, baseLrs: [...baseLrs] })
    for (const [i, { options }] of this.optimizer.groups.entries()) options.lr = lrs[i] as number
  }

  private get worst(): number {
    return this.options.mode === 'min' ? Number.POSITIVE_INFINITY : Number.NEGATIVE_INFINITY
  }

  private isBetter(figure: number): boolean {
    const { mode, threshold, thresholdMode } = this.options
    const sign = mode === 'min' ? -1 : 1
    const bar = thresholdMode === 'rel' ? this.best * (1 + sign * threshold) : this.best + sign * threshold
    return mode === 'min' ? figure < bar : figure > bar
  }

  private reduce(): void {
    for (const [i, { options }] of this.optimizer.groups.entries()) {
      const lr = options.lr as number
      const reduced = Math.max(lr * this.options.factor, this.minLrs[i] as number)
      if (lr - reduced > this.options.eps) options.lr = reduced
    }
  }
}

function checkChoice(name: string, value: string, a: string, b: string): void {
  if (value === a || value === b) return
  throw new ArgumentError(`ReduceLROnPlateau: expected ${name} '${a}' or '${b}', got ${String(value)}`)
}
