// quern/nn: layers, named and meant as in torch.nn.
import '../methods.js'

export { ModuleList, Sequential } from './containers.js'
export { Conv2d, type Conv2dLayerOptions } from './conv.js'
export * as init from './init.js'
export {
  CrossEntropyLoss,
  Dropout,
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
