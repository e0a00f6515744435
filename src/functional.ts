// quern/functional: functions on tensors, named and meant as in torch.nn.functional.
import './methods.js'

export {
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
} from './ops/activations.js'
export {
  type HingeLossOptions,
  hingeLoss,
  type MultiMarginLossOptions,
  multiMarginLoss,
  type NLLLossOptions,
  nllLoss,
} from './ops/class-losses.js'
export { type Conv2dOptions, conv2d } from './ops/conv.js'
export { relu, sigmoid, tanh } from './ops/elementwise.js'
export { type EmbeddingOptions, embedding, oneHot } from './ops/indexing.js'
export { type CrossEntropyOptions, crossEntropy, mseLoss, type Reduction } from './ops/losses.js'
export { linear } from './ops/matmul.js'
export {
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
} from './ops/pointwise-losses.js'
export { type MaxPool2dOptions, maxPool2d } from './ops/pool.js'
export { dropout } from './ops/random.js'
export { type PadOptions, pad } from './ops/rearrange.js'
export { logSoftmax, softmax } from './ops/softmax.js'
