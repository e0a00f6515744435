// quern/functional: functions on tensors, named and meant as in torch.nn.functional.
import './methods.js'

export { type Conv2dOptions, conv2d } from './ops/conv.js'
export { relu, sigmoid, tanh } from './ops/elementwise.js'
export { type CrossEntropyOptions, crossEntropy, mseLoss, type Reduction } from './ops/losses.js'
export { linear } from './ops/matmul.js'
export { type MaxPool2dOptions, maxPool2d } from './ops/pool.js'
export { dropout } from './ops/random.js'
export { logSoftmax, softmax } from './ops/softmax.js'
