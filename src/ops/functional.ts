// quern/functional: functions on tensors, named and meant as in torch.nn.functional.
export { type Conv2dOptions, conv2d } from './conv.js'
export { relu, sigmoid, tanh } from './elementwise.js'
export { type CrossEntropyOptions, crossEntropy, mseLoss, type Reduction } from './losses.js'
export { linear } from './matmul.js'
export { type MaxPool2dOptions, maxPool2d } from './pool.js'
export { dropout } from './random.js'
export { logSoftmax, softmax } from './softmax.js'
