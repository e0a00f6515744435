// quern/nn: layers, named and meant as in torch.nn.
import '../methods.js'

export {
  ELU,
  GELU,
  Hardsigmoid,
  Hardswish,
  Hardtanh,
  LeakyReLU,
  LogSigmoid,
  ReLU6,
  SELU,
  SiLU,
  Softplus,
  Softsign,
} from './activations.js'
export { ModuleList, Sequential } from './containers.js'
export {
  Conv1d,
  type Conv1dLayerOptions,
  Conv2d,
  type Conv2dLayerOptions,
  ConvTranspose2d,
  type ConvTranspose2dLayerOptions,
  type PaddingMode,
} from './conv.js'
export { Embedding, type EmbeddingLayerOptions } from './embedding.js'
export * as init from './init.js'
export {
  Dropout,
  Dropout2d,
  Flatten,
  Identity,
  LogSoftmax,
  ReLU,
  Sigmoid,
  Softmax,
  Tanh,
} from './layers.js'
export { Linear } from './linear.js'
export {
  BCELoss,
  BCEWithLogitsLoss,
  CrossEntropyLoss,
  HingeLoss,
  KLDivLoss,
  L1Loss,
  MSELoss,
  MultiMarginLoss,
  NLLLoss,
  SmoothL1Loss,
} from './losses.js'
export { Module, parameter, type StateDict } from './module.js'
export {
  BatchNorm1d,
  BatchNorm2d,
  type BatchNormLayerOptions,
  GroupNorm,
  LayerNorm,
  LocalResponseNorm,
} from './norm.js'
export {
  AdaptiveAvgPool1d,
  AdaptiveAvgPool2d,
  AdaptiveMaxPool1d,
  AdaptiveMaxPool2d,
  AvgPool1d,
  AvgPool2d,
  MaxPool1d,
  MaxPool2d,
} from './pool.js'
