import * as opcodes from '../engine/opcodes.js'
import { checkNumber } from '../ops/check.js'
import { type Batch, type GroupOptions, Optimizer, type Parameters, penalties, withDefaults } from './optimizer.js'

export interface AdagradOptions extends GroupOptions {
  /** The rate of step t is lr / (1 + (t − 1)·lrDecay). */
  lrDecay?: number
  /** Where the sum of squares starts. */
  initialAccumulatorValue?: number
  eps?: number
}

const defaults = { lr: 1e-2, lrDecay: 0, weightDecay: 0, initialAccumulatorValue: 0, eps: 1e-10 } as const

/** s ← s + g², p ← p − lr·g / (√s + eps); Duchi et al. 2011. */
export class Adagrad extends Optimizer<AdagradOptions> {
  constructor(params: Parameters<AdagradOptions>, options: AdagradOptions = {}) {
    super('Adagrad', params, withDefaults('Adagrad', defaults, options))
  }

  protected override check(options: AdagradOptions): void {
    super.check(options)
    for (const name of ['lrDecay', 'initialAccumulatorValue', 'eps'] as const) {
      checkNumber('Adagrad', name, options[name] as number, 0)
    }
  }

  protected stateNames(): readonly string[] {
    return ['sum']
  }

  protected override initialState(options: AdagradOptions): number {
    return options.initialAccumulatorValue as number
  }

  protected update({ runtime, dtype, tensors, sizes, step }: Batch, options: AdagradOptions): void {
    const lr = (options.lr as number) / (1 + (step - 1) * (options.lrDecay as number))
    opcodes.adagrad(runtime.encode(), dtype, {
      tensors,
      lr,
      eps: options.eps as number,
      ...penalties(options),
      sizes,
    })
  }
}
