import * as opcodes from '../engine/opcodes.js'
import { checkBoolean, checkNumber } from '../ops/check.js'
import { type Batch, type GroupOptions, Optimizer, type Parameters, penalties, withDefaults } from './optimizer.js'

export interface RMSpropOptions extends GroupOptions {
  /** Decay of the averages. */
  alpha?: number
  eps?: number
  momentum?: number
  /** Divide by an estimate of the gradient's standard deviation instead of its root mean square. */
  centered?: boolean
}

const defaults = { lr: 1e-2, alpha: 0.99, eps: 1e-8, weightDecay: 0, momentum: 0, centered: false } as const

/** v: moving average of g²; p ← p − lr·g / (√v + eps); Tieleman and Hinton 2012, centered as in Graves 2013. */
export class RMSprop extends Optimizer<RMSpropOptions> {
  constructor(params: Parameters<RMSpropOptions>, options: RMSpropOptions = {}) {
    super('RMSprop', params, withDefaults('RMSprop', defaults, options))
  }

  protected override check(options: RMSpropOptions): void {
    super.check(options)
    checkBoolean('RMSprop', 'centered', options.centered, false)
    for (const name of ['alpha', 'eps', 'momentum'] as const) checkNumber('RMSprop', name, options[name] as number, 0)
  }

  protected stateNames(options: RMSpropOptions): readonly (string | null)[] {
    return ['squareAvg', options.momentum ? 'momentumBuffer' : null, options.centered ? 'gradAvg' : null]
  }

  protected update({ runtime, dtype, tensors, sizes }: Batch, options: RMSpropOptions): void {
    opcodes.rmsprop(runtime.encode(), dtype, {
      tensors,
      lr: options.lr as number,
      alpha: options.alpha as number,
      eps: options.eps as number,
      momentum: options.momentum as number,
      ...penalties(options),
      centered: Number(options.centered),
      sizes,
    })
  }
}
