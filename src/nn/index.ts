// quern/nn: layers, named and meant as in torch.nn.
import '../methods.js'

export { ModuleList, Sequential } from './containers.js'
export {
  Conv1d,
  type Conv1dLayerOptions,
  Conv2d,
  type Conv2dLayerOptions,
  ConvTranspose2d,
  type ConvTranspose2dLayerOptions,
} from './conv.js'
export * as init from './init.js'
export {
  CrossEntropyLoss,
  Dropout,
  Dropout2d,
  Flatten,
  Identity,
  LogSoftmax,
  MaxPool2d,
  MSELoss,
  ReLU,
  Sigmoid,
  Softmax,
  Tanh,
} from './layers.js'
export { Linear } from './linear.js'
export { Module, parameter, type StateDict } from './module.js'
export {
  BatchNorm1d,
  BatchNorm2d,
  type BatchNormLayerOptions,
  GroupNorm,
  LayerNorm,
  LocalResponseNorm,
} from './norm.js'
export { AdaptiveAvgPool2d, AdaptiveMaxPool2d, AvgPool1d, AvgPool2d, MaxPool1d } from './pool.js'
