import { shown } from '../engine/shown.js'
import { ArgumentError } from '../errors.js'
import type { Limits } from '../ops/batchnorm.js'
import type { AnyTensor, Tensor } from '../tensor.js'
import { Hardtanh, ReLU6 } from './activations.js'
import { Conv2d } from './conv.js'
import { ReLU } from './layers.js'
import { Linear } from './linear.js'
import { Module } from './module.js'
import { BatchNorm } from './norm.js'
import { MaxPool2d } from './pool.js'

/** Modules in a row, each given what the one before returned; their names are '0', '1', … */
export class Sequential extends Module {
  readonly length: number;
  [index: number]: Module

  constructor(...modules: Module[]) {
    super()
    for (const [i, module] of modules.entries()) {
      if (!(module instanceof Module))
        throw new ArgumentError(`Sequential: expected modules, got ${typeof module} at ${i}`)
      this[i] = module
    }
    this.length = modules.length
  }

  *[Symbol.iterator](): Generator<Module> {
    for (let i = 0; i < this.length; i++) yield this[i] as Module
  }

  forward(x: Tensor): Tensor {
    let value = x
    for (let i = 0; i < this.length; ) {
      const [output, used] = this.step(i, value)
      value = output
      i += used
    }
    return value
  }

  // A ReLU costs no pass of its own after a convolution or linear layer, or on either side of a max-pool, where it
  // touches the pooled values only: max(0, ·) and the maximum commute.
  // After a batch normalisation neither does any activation that only limits its input.
  private step(i: number, x: Tensor): [Tensor, number] {
    const [module, next, after] = [this[i] as Module, this[i + 1], this[i + 2]]
    if (module instanceof ReLU && poolsAlone(next)) return [next.forwardRelu(x), 2]
    if (next instanceof ReLU) {
      if (poolsAlone(module)) return [module.forwardRelu(x), 2]
      if (module instanceof Linear || (module instanceof Conv2d && !poolsAlone(after))) {
        return [module.forwardRelu(x), 2]
      }
    }
    const limits = module instanceof BatchNorm && !poolsAlone(after) ? limitsOf(next) : null
    if (limits) return [(module as BatchNorm).forwardLimited(x, limits), 2]
    return [module.forward(x as AnyTensor) as Tensor, 1]
  }
}

// The positions of maxima that a ReLU hides are not computed.
const poolsAlone = (module: Module | undefined): module is MaxPool2d =>
  module instanceof MaxPool2d && !module.options.returnIndices

// The least and the largest value that an activation lets through, if that is all it does.
function limitsOf(module: Module | undefined): Limits | null {
  if (module instanceof ReLU) return [0, Number.POSITIVE_INFINITY]
  if (module instanceof ReLU6) return [0, 6]
  return module instanceof Hardtanh ? [module.minVal, module.maxVal] : null
}

/** A list of modules that are found as children by their index; it has no forward of its own. */
export class ModuleList extends Module {
  private count = 0;
  [index: number]: Module

  constructor(modules: Iterable<Module> = []) {
    super()
    if (typeof modules?.[Symbol.iterator] !== 'function') {
      throw new ArgumentError(`ModuleList: expected an array of modules, got ${shown(modules)}`)
    }
    for (const module of modules) this.append(module)
  }

  get length(): number {
    return this.count
  }

  append(module: Module): this {
    if (!(module instanceof Module)) throw new ArgumentError(`ModuleList: expected a module, got ${typeof module}`)
    this[this.count++] = module
    return this
  }

  *[Symbol.iterator](): Generator<Module> {
    for (let i = 0; i < this.count; i++) yield this[i] as Module
  }

  forward(): never {
    throw new ArgumentError(
      'ModuleList: expected a call of one of its modules, got forward(); use Sequential to chain them',
    )
  }
}
