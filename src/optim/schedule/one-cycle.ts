import { ArgumentError, StateError } from '../../errors.js'
import { checkInteger, checkNumber } from '../../ops/check.js'
import type { GroupOptions, Optimizer } from '../optimizer.js'
import { perGroup, Schedule } from './schedule.js'

export interface OneCycleLROptions {
  /** The highest rate, of all groups or of each. */
  maxLr: number | readonly number[]
  totalSteps: number
  /** Share of the steps in which the rate rises. */
  pctStart?: number
  annealStrategy?: 'cos' | 'linear'
  /** Moves the momentum (or beta1) against the rate. */
  cycleMomentum?: boolean
  baseMomentum?: number | readonly number[]
  maxMomentum?: number | readonly number[]
  /** maxLr over the first rate. */
  divFactor?: number
  /** The first rate over the last. */
  finalDivFactor?: number
  /** Falls as it rose, then once more to the last rate. */
  threePhase?: boolean
}

type Bound = 'initial' | 'top' | 'final'
interface Phase {
  end: number
  from: Bound
  to: Bound
}
interface Momenta {
  momentum?: number
  betas?: readonly [number, number]
}

/** Up from maxLr / divFactor to maxLr and down to a fraction of where it began, once in totalSteps steps; Smith and Topin 2018. */
export class OneCycleLR extends Schedule {
  override readonly every = 'step'

  constructor(optimizer: Optimizer<GroupOptions>, options: OneCycleLROptions) {
    const { totalSteps, pctStart = 0.3, annealStrategy = 'cos', threePhase = false } = options
    const { divFactor = 25, finalDivFactor = 1e4 } = options
    checkInteger('OneCycleLR', 'totalSteps', totalSteps, 1)
    checkNumber('OneCycleLR', 'pctStart', pctStart, 0, 1)
    checkNumber('OneCycleLR', 'divFactor', divFactor, Number.MIN_VALUE)
    checkNumber('OneCycleLR', 'finalDivFactor', finalDivFactor, Number.MIN_VALUE)
    if (annealStrategy !== 'cos' && annealStrategy !== 'linear') {
      throw new ArgumentError(`OneCycleLR: expected annealStrategy 'cos' or 'linear', got ${String(annealStrategy)}`)
    }
    const maxLrs = perGroup('OneCycleLR', 'maxLr', optimizer, options.maxLr)
    for (const lr of maxLrs) checkNumber('OneCycleLR', 'maxLr', lr, 0)
    const anneal = annealStrategy === 'cos' ? cosine : linear
    const phases = phasesOf(totalSteps, pctStart, threePhase)
    const momentum = momentumSetter(optimizer, options)
    const rate = (initial: number, t: number, group: number) => {
      if (t > totalSteps) throw new StateError(`OneCycleLR: expected at most ${totalSteps} steps, got ${t}`)
      const { from, to, part } = where(phases, t)
      const lrs = { initial, top: maxLrs[group] as number, final: initial / finalDivFactor }
      return anneal(lrs[from], lrs[to], part)
    }
    const onMove = (t: number) => {
      const { from, to, part } = where(phases, t)
      momentum?.((low, high) => anneal(from === 'top' ? low : high, to === 'top' ? low : high, part))
    }
    super('OneCycleLR', optimizer, { rate, baseLrs: maxLrs.map((lr) => lr / divFactor), onMove })
  }
}

const linear = (from: number, to: number, part: number) => (to - from) * part + from
const cosine = (from: number, to: number, part: number) => to + ((from - to) / 2) * (Math.cos(Math.PI * part) + 1)

function phasesOf(total: number, pctStart: number, threePhase: boolean): Phase[] {
  const rise: Phase = { end: pctStart * total - 1, from: 'initial', to: 'top' }
  if (!threePhase) return [rise, { end: total - 1, from: 'top', to: 'final' }]
  const fall: Phase = { end: 2 * pctStart * total - 2, from: 'top', to: 'initial' }
  return [rise, fall, { end: total - 1, from: 'initial', to: 'final' }]
}

// The phase of step t, and the part of it that has passed.
function where(phases: readonly Phase[], t: number): Phase & { part: number } {
  const found = phases.findIndex(({ end }) => t <= end)
  const index = found < 0 ? phases.length - 1 : found
  const phase = phases[index] as Phase
  const start = phases[index - 1]?.end ?? 0
  return { ...phase, part: phase.end === start ? 1 : (t - start) / (phase.end - start) }
}

// Sets each group's momentum to what the function makes of its lowest and highest; null where it is not to be moved.
function momentumSetter(optimizer: Optimizer<GroupOptions>, options: OneCycleLROptions) {
  if (!(options.cycleMomentum ?? true)) return null
  const low = perGroup('OneCycleLR', 'baseMomentum', optimizer, options.baseMomentum ?? 0.85)
  const high = perGroup('OneCycleLR', 'maxMomentum', optimizer, options.maxMomentum ?? 0.95)
  const groups = optimizer.groups.map((group) => group.options as GroupOptions & Momenta)
  if (groups.some(({ momentum, betas }) => momentum === undefined && betas === undefined)) {
    throw new ArgumentError(
      'OneCycleLR: expected an optimizer with momentum or betas, got one without; pass cycleMomentum: false',
    )
  }
  return (between: (low: number, high: number) => number) => {
    for (const [i, group] of groups.entries()) {
      const value = between(low[i] as number, high[i] as number)
      if (group.betas) group.betas = [value, group.betas[1]]
      else group.momentum = value
    }
  }
}
