import { checkInteger, checkNumber } from '../../ops/check.js'
import type { GroupOptions, Optimizer } from '../optimizer.js'
import { Schedule } from './schedule.js'

// Half a cosine from lr at part = 0 to low at part = 1.
const anneal = (lr: number, low: number, part: number) => low + ((lr - low) * (1 + Math.cos(Math.PI * part))) / 2

export interface CosineAnnealingLROptions {
  /** Steps from the base rate to etaMin. */
  tMax: number
  etaMin?: number
}

/** etaMin + ½(α₀ − etaMin)(1 + cos(πt / tMax)): down in tMax steps, and up again if they go on; Loshchilov and Hutter 2017. */
export class CosineAnnealingLR extends Schedule {
  constructor(optimizer: Optimizer<GroupOptions>, { tMax, etaMin = 0 }: CosineAnnealingLROptions) {
    checkInteger('CosineAnnealingLR', 'tMax', tMax, 1)
    checkNumber('CosineAnnealingLR', 'etaMin', etaMin, 0)
    super('CosineAnnealingLR', optimizer, { rate: (lr, t) => anneal(lr, etaMin, t / tMax) })
  }
}

export interface CosineAnnealingWarmRestartsOptions {
  /** Steps until the first restart. */
  t0: number
  /** How many times longer each run is than the one before. */
  tMult?: number
  etaMin?: number
}

/** A cosine from α₀ towards etaMin that starts again after t0, then t0·tMult, t0·tMult² … steps; Loshchilov and Hutter 2017. */
export class CosineAnnealingWarmRestarts extends Schedule {
  constructor(optimizer: Optimizer<GroupOptions>, { t0, tMult = 1, etaMin = 0 }: CosineAnnealingWarmRestartsOptions) {
    checkInteger('CosineAnnealingWarmRestarts', 't0', t0, 1)
    checkInteger('CosineAnnealingWarmRestarts', 'tMult', tMult, 1)
    checkNumber('CosineAnnealingWarmRestarts', 'etaMin', etaMin, 0)
    const part = (t: number) => {
      if (tMult === 1) return (t % t0) / t0
      let [since, length] = [t, t0]
      for (; since >= length; length *= tMult) since -= length
      return since / length
    }
    super('CosineAnnealingWarmRestarts', optimizer, { rate: (lr, t) => anneal(lr, etaMin, part(t)) })
  }
}
