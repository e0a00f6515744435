import * as opcodes from '../engine/opcodes.js'
import { checkBoolean, checkNumber } from '../ops/check.js'
import { type Batch, type GroupOptions, Optimizer, type Parameters, penalties, withDefaults } from './optimizer.js'

export interface AdamOptions extends GroupOptions {
  /** Decay of the first and of the second moment. */
  betas?: readonly [number, number]
  eps?: number
  /** Divide by the largest v so far; Reddi et al. 2018. */
  amsgrad?: boolean
}

const defaults = { lr: 1e-3, betas: [0.9, 0.999], eps: 1e-8, weightDecay: 0, amsgrad: false } as const
const justBelowOne = 1 - Number.EPSILON / 2

/** m, v: moving averages of g and g²; p ← p − lr·m̂ / (√v̂ + eps); Kingma and Ba 2015. weightDecay adds weightDecay·p to g. */
export class Adam extends Optimizer<AdamOptions> {
  constructor(params: Parameters<AdamOptions>, options: AdamOptions = {}) {
    super('Adam', params, withDefaults('Adam', defaults, options))
  }

  protected readonly decoupled: boolean = false

  protected override check(options: AdamOptions): void {
    super.check(options)
    checkBoolean('Adam', 'amsgrad', options.amsgrad, false)
    checkNumber('Adam', 'betas[0]', options.betas?.[0] as number, 0, justBelowOne)
    checkNumber('Adam', 'betas[1]', options.betas?.[1] as number, 0, justBelowOne)
    checkNumber('Adam', 'eps', options.eps as number, 0)
  }

  protected stateNames(options: AdamOptions): readonly (string | null)[] {
    return ['expAvg', 'expAvgSq', options.amsgrad ? 'maxExpAvgSq' : null]
  }

  protected update({ runtime, dtype, tensors, sizes, step }: Batch, options: AdamOptions): void {
    const [beta1, beta2] = options.betas as readonly [number, number]
    opcodes.adam(runtime.encode(), dtype, {
      tensors,
      lr: options.lr as number,
      beta1,
      beta2,
      eps: options.eps as number,
      ...penalties(options),
      decoupled: Number(this.decoupled),
      amsgrad: Number(options.amsgrad),
      correction1: 1 - beta1 ** step,
      correction2: 1 - beta2 ** step,
      sizes,
    })
  }
}

/** Adam with p ← p·(1 − lr·weightDecay) before the step instead of a decay in the gradient; Loshchilov and Hutter 2019. */
export class AdamW extends Adam {
  protected override readonly decoupled: boolean = true

  constructor(params: Parameters<AdamOptions>, options: AdamOptions = {}) {
    super(params, withDefaults('AdamW', { weightDecay: 1e-2 }, options))
  }
}
