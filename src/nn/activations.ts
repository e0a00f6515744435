// Activations as layers; ReLU, Sigmoid, Tanh and the softmaxes are in layers.ts.
import {
  checkApproximate,
  elu,
  type GeluOptions,
  gelu,
  hardsigmoid,
  hardswish,
  hardtanh,
  leakyRelu,
  logSigmoid,
  relu6,
  type SoftplusOptions,
  selu,
  silu,
  softplus,
  softsign,
} from '../ops/activations.js'
import { checkOptions } from '../ops/check.js'
import type { Tensor } from '../tensor.js'
import { Module } from './module.js'

/** x where x > 0, else negativeSlope · x. */
export class LeakyReLU extends Module {
  constructor(readonly negativeSlope = 0.01) {
    super()
  }

  forward(x: Tensor): Tensor {
    return leakyRelu(x, { negativeSlope: this.negativeSlope })
  }
}

/** x where x > 0, else alpha · (exp(x) − 1). */
export class ELU extends Module {
  constructor(readonly alpha = 1) {
    super()
  }

  forward(x: Tensor): Tensor {
    return elu(x, { alpha: this.alpha })
  }
}

/** elu scaled so that activations keep mean 0 and variance 1. */
export class SELU extends Module {
  forward(x: Tensor): Tensor {
    return selu(x)
  }
}

/** x Φ(x). */
export class GELU extends Module {
  constructor(readonly options: GeluOptions = {}) {
    super()
    checkOptions('GELU', options)
    checkApproximate(options.approximate)
  }

  forward(x: Tensor): Tensor {
    return gelu(x, this.options)
  }
}

/** x · sigmoid(x). */
export class SiLU extends Module {
  forward(x: Tensor): Tensor {
    return silu(x)
  }
}

/** x · clamp(x + 3, 0, 6) / 6. */
export class Hardswish extends Module {
  forward(x: Tensor): Tensor {
    return hardswish(x)
  }
}

/** clamp(x + 3, 0, 6) / 6. */
export class Hardsigmoid extends Module {
  forward(x: Tensor): Tensor {
    return hardsigmoid(x)
  }
}

/** x limited to [minVal, maxVal]. */
export class Hardtanh extends Module {
  constructor(
    readonly minVal = -1,
    readonly maxVal = 1,
  ) {
    super()
  }

  forward(x: Tensor): Tensor {
    return hardtanh(x, { minVal: this.minVal, maxVal: this.maxVal })
  }
}

/** min(max(0, x), 6). */
export class ReLU6 extends Module {
  forward(x: Tensor): Tensor {
    return relu6(x)
  }
}

/** log(1 + exp(beta · x)) / beta. */
export class Softplus extends Module {
  constructor(readonly options: SoftplusOptions = {}) {
    super()
  }

  forward(x: Tensor): Tensor {
    return softplus(x, this.options)
  }
}

/** log(sigmoid(x)). */
export class LogSigmoid extends Module {
  forward(x: Tensor): Tensor {
    return logSigmoid(x)
  }
}

/** x / (1 + |x|). */
export class Softsign extends Module {
  forward(x: Tensor): Tensor {
    return softsign(x)
  }
}
