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
  type AdaptiveSize,
  adaptiveAvgPool1d,
  adaptiveAvgPool2d,
  adaptiveMaxPool1d,
  adaptiveMaxPool2d,
} from './ops/adaptivepool.js'
export { type BatchNormOptions, batchNorm } from './ops/batchnorm.js'
export {
  type HingeLossOptions,
  hingeLoss,
  type MultiMarginLossOptions,
  multiMarginLoss,
  type NLLLossOptions,
  nllLoss,
} from './ops/class-losses.js'
export { type Conv1dOptions, type Conv2dOptions, conv1d, conv2d } from './ops/conv.js'
export { type ConvTranspose2dOptions, convTranspose2d } from './ops/convtranspose.js'
export { relu, sigmoid, tanh } from './ops/elementwise.js'
export { type EmbeddingOptions, embedding, oneHot } from './ops/indexing.js'
export { type CrossEntropyOptions, crossEntropy, mseLoss, type Reduction } from './ops/losses.js'
export { linear } from './ops/matmul.js'
export {
  type AffineOptions,
  groupNorm,
  layerNorm,
  localResponseNorm,
  normalize,
} from './ops/norm.js'
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
export {
  type AvgPool1dOptions,
  type AvgPool2dOptions,
  avgPool1d,
  avgPool2d,
  type MaxPool1dOptions,
  type MaxPool2dOptions,
  maxPool1d,
  maxPool2d,
} from './ops/pool.js'
export { dropout, dropout2d } from './ops/random.js'
export { type PadOptions, pad } from './ops/rearrange.js'
export { logSoftmax, softmax } from './ops/softmax.js'
