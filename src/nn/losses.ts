// Losses as modules.
import {
  type HingeLossOptions,
  hingeLoss,
  type MultiMarginLossOptions,
  multiMarginLoss,
  type NLLLossOptions,
  nllLoss,
} from '../ops/class-losses.js'
import { type CrossEntropyOptions, crossEntropy, mseLoss } from '../ops/losses.js'
import {
  type BCELossOptions,
  type BCEWithLogitsLossOptions,
  bceLoss,
  bceWithLogitsLoss,
  type KLDivLossOptions,
  klDivLoss,
  type LossOptions,
  l1Loss,
  type SmoothL1LossOptions,
  smoothL1Loss,
} from '../ops/pointwise-losses.js'
import type { Tensor } from '../tensor.js'
import { Module } from './module.js'

/** crossEntropy as a module. */
export class CrossEntropyLoss extends Module {
  constructor(readonly options: CrossEntropyOptions<'float32'> = {}) {
    super()
  }

  forward(logits: Tensor, target: Tensor<'int32'> | Tensor): Tensor {
    return crossEntropy(logits, target, this.options)
  }
}

/** mseLoss as a module. */
export class MSELoss extends Module {
  constructor(readonly options: LossOptions = {}) {
    super()
  }

  forward(input: Tensor, target: Tensor): Tensor {
    return mseLoss(input, target, this.options)
  }
}

/** nllLoss as a module. */
export class NLLLoss extends Module {
  constructor(readonly options: NLLLossOptions<'float32'> = {}) {
    super()
  }

  forward(input: Tensor, target: Tensor<'int32'>): Tensor {
    return nllLoss(input, target, this.options)
  }
}

/** l1Loss as a module. */
export class L1Loss extends Module {
  constructor(readonly options: LossOptions = {}) {
    super()
  }

  forward(input: Tensor, target: Tensor): Tensor {
    return l1Loss(input, target, this.options)
  }
}

/** smoothL1Loss as a module. */
export class SmoothL1Loss extends Module {
  constructor(readonly options: SmoothL1LossOptions = {}) {
    super()
  }

  forward(input: Tensor, target: Tensor): Tensor {
    return smoothL1Loss(input, target, this.options)
  }
}

/** bceLoss as a module. */
export class BCELoss extends Module {
  constructor(readonly options: BCELossOptions<'float32'> = {}) {
    super()
  }

  forward(input: Tensor, target: Tensor): Tensor {
    return bceLoss(input, target, this.options)
  }
}

/** bceWithLogitsLoss as a module. */
export class BCEWithLogitsLoss extends Module {
  constructor(readonly options: BCEWithLogitsLossOptions<'float32'> = {}) {
    super()
  }

  forward(input: Tensor, target: Tensor): Tensor {
    return bceWithLogitsLoss(input, target, this.options)
  }
}

/** klDivLoss as a module. */
export class KLDivLoss extends Module {
  constructor(readonly options: KLDivLossOptions = {}) {
    super()
  }

  forward(input: Tensor, target: Tensor): Tensor {
    return klDivLoss(input, target, this.options)
  }
}

/** hingeLoss as a module. */
export class HingeLoss extends Module {
  constructor(readonly options: HingeLossOptions = {}) {
    super()
  }

  forward(scores: Tensor, target: Tensor<'int32'>): Tensor {
    return hingeLoss(scores, target, this.options)
  }
}

/** multiMarginLoss as a module. */
export class MultiMarginLoss extends Module {
  constructor(readonly options: MultiMarginLossOptions<'float32'> = {}) {
    super()
  }

  forward(input: Tensor, target: Tensor<'int32'>): Tensor {
    return multiMarginLoss(input, target, this.options)
  }
}
