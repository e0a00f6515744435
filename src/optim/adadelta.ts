import * as opcodes from '../engine/opcodes.js'
import { checkNumber } from '../ops/check.js'
import { type Batch, type GroupOptions, Optimizer, type Parameters, penalties, withDefaults } from './optimizer.js'

export interface AdadeltaOptions extends GroupOptions {
  /** Decay of both averages. */
  rho?: number
  eps?: number
}

const defaults = { lr: 1, rho: 0.9, eps: 1e-6, weightDecay: 0 } as const

/** v, u: moving averages of g² and Δ²; Δ = √(u + eps) / √(v + eps)·g, p ← p − lr·Δ; Zeiler 2012. */
export class Adadelta extends Optimizer<AdadeltaOptions> {
  constructor(params: Parameters<AdadeltaOptions>, options: AdadeltaOptions = {}) {
    super('Adadelta', params, withDefaults('Adadelta', defaults, options))
  }

  protected override check(options: AdadeltaOptions): void {
    super.check(options)
    checkNumber('Adadelta', 'rho', options.rho as number, 0, 1)
    checkNumber('Adadelta', 'eps', options.eps as number, 0)
  }

  protected stateNames(): readonly string[] {
    return ['squareAvg', 'accDelta']
  }

  protected update({ runtime, dtype, tensors, sizes }: Batch, options: AdadeltaOptions): void {
    opcodes.adadelta(runtime.encode(), dtype, {
      tensors,
      lr: options.lr as number,
      rho: options.rho as number,
      eps: options.eps as number,
      ...penalties(options),
      sizes,
    })
  }
}
