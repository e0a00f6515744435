// Layers without parameters.
import { checkNumber } from '../ops/check.js'
import { relu, sigmoid, tanh } from '../ops/elementwise.js'
import { dropout, dropout2d } from '../ops/random.js'
import { logSoftmax, softmax } from '../ops/softmax.js'
import { flatten } from '../ops/view.js'
import type { DType, Tensor } from '../tensor.js'
import { Module } from './module.js'

/** Returns its input. */
export class Identity extends Module {
  forward<D extends DType>(x: Tensor<D>): Tensor<D> {
    return x
  }
}

/** Joins the dimensions startDim (1 by default) to endDim. */
export class Flatten extends Module {
  constructor(
    readonly startDim = 1,
    readonly endDim = -1,
  ) {
    super()
  }

  forward<D extends DType>(x: Tensor<D>): Tensor<D> {
    return flatten(x, this.startDim, this.endDim)
  }
}

/** max(0, x). */
export class ReLU extends Module {
  forward(x: Tensor): Tensor {
    return relu(x)
  }
}

/** 1 / (1 + exp(−x)). */
export class Sigmoid extends Module {
  forward(x: Tensor): Tensor {
    return sigmoid(x)
  }
}

/** tanh x. */
export class Tanh extends Module {
  forward(x: Tensor): Tensor {
    return tanh(x)
  }
}

/** exp(x) / Σ exp(x) along dim. */
export class Softmax extends Module {
  constructor(readonly dim = -1) {
    super()
  }

  forward(x: Tensor): Tensor {
    return softmax(x, { dim: this.dim })
  }
}

/** log softmax(x) along dim. */
export class LogSoftmax extends Module {
  constructor(readonly dim = -1) {
    super()
  }

  forward(x: Tensor): Tensor {
    return logSoftmax(x, { dim: this.dim })
  }
}

/** In training, zeroes each element with probability p and scales the others by 1/(1−p). */
export class Dropout extends Module {
  constructor(readonly p = 0.5) {
    super()
    checkNumber('Dropout', 'p', p, 0, 1)
  }

  forward(x: Tensor): Tensor {
    return dropout(x, { p: this.p, training: this.training })
  }
}

/** In training, zeroes each channel of x (N,C,…) with probability p and scales the others by 1/(1−p). */
export class Dropout2d extends Module {
  constructor(readonly p = 0.5) {
    super()
    checkNumber('Dropout2d', 'p', p, 0, 1)
  }

  forward(x: Tensor): Tensor {
    return dropout2d(x, { p: this.p, training: this.training })
  }
}
