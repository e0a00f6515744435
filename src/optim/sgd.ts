import * as opcodes from '../engine/opcodes.js'
import { ArgumentError } from '../errors.js'
import { checkBoolean, checkNumber } from '../ops/check.js'
import { type Batch, type GroupOptions, Optimizer, type Parameters, penalties, withDefaults } from './optimizer.js'

export interface SGDOptions extends GroupOptions {
  momentum?: number
  dampening?: number
  nesterov?: boolean
}

/** b ← momentum·b + (1−dampening)·g, p ← p − lr·b, with g including weightDecay·p; as torch.optim.SGD. */
export class SGD extends Optimizer<SGDOptions> {
  constructor(params: Parameters<SGDOptions>, options: SGDOptions = {}) {
    super(
      'SGD',
      params,
      withDefaults('SGD', { lr: 1e-3, momentum: 0, dampening: 0, weightDecay: 0, nesterov: false }, options),
    )
  }

  protected override check(options: SGDOptions): void {
    super.check(options)
    checkBoolean('SGD', 'nesterov', options.nesterov, false)
    checkNumber('SGD', 'momentum', options.momentum as number, 0)
    checkNumber('SGD', 'dampening', options.dampening as number, Number.NEGATIVE_INFINITY)
    if (options.nesterov && (!options.momentum || options.dampening !== 0)) {
      throw new ArgumentError(
        `SGD: expected a momentum and no dampening with nesterov, got ${options.momentum} and ${options.dampening}`,
      )
    }
  }

  protected stateNames(options: SGDOptions): readonly (string | null)[] {
    return [options.momentum ? 'momentumBuffer' : null]
  }

  protected update({ runtime, dtype, tensors, sizes, step }: Batch, options: SGDOptions): void {
    opcodes.sgd(runtime.encode(), dtype, {
      tensors,
      lr: options.lr as number,
      momentum: options.momentum as number,
      dampening: options.dampening as number,
      ...penalties(options),
      nesterov: Number(options.nesterov),
      first: Number(step === 1),
      sizes,
    })
  }
}
