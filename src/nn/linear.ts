import { checkBoolean, checkInteger, checkOptions } from '../ops/check.js'
import { empty } from '../ops/create.js'
import { linear } from '../ops/matmul.js'
import type { Tensor } from '../tensor.js'
import { kaimingUniform_, uniform_ } from './init.js'
import { Module, parameter } from './module.js'

/** x (…,in) · weightᵀ + bias; weight (out,in) and bias (out) start as in PyTorch: U(±1/√in). */
export class Linear extends Module {
  readonly weight: Tensor
  readonly bias: Tensor | null

  constructor(
    readonly inFeatures: number,
    readonly outFeatures: number,
    options: { bias?: boolean } = {},
  ) {
    super()
    checkOptions('Linear', options)
    const bias = checkBoolean('Linear', 'bias', options.bias, true)
    checkInteger('Linear', 'inFeatures', inFeatures, 0)
    checkInteger('Linear', 'outFeatures', outFeatures, 0)
    this.weight = parameter(kaimingUniform_(empty([outFeatures, inFeatures]), { a: Math.sqrt(5) }))
    const bound = inFeatures > 0 ? 1 / Math.sqrt(inFeatures) : 0
    this.bias = bias ? parameter(uniform_(empty([outFeatures]), -bound, bound)) : null
  }

  forward(x: Tensor): Tensor {
    return linear(x, this.weight, { bias: this.bias })
  }

  /** @internal With the ReLU that follows in the same pass. */
  forwardRelu(x: Tensor): Tensor {
    return this.call(() => linear(x, this.weight, { bias: this.bias, relu: true }))
  }
}
