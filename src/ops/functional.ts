// quern/functional: functions on tensors, named and meant as in torch.nn.functional.
export { conv2d, type Conv2dOptions } from './conv.js'
export { relu, sigmoid, tanh } from './elementwise.js'
export { crossEntropy, type CrossEntropyOptions, mseLoss, type Reduction } from './losses.js'
export { linear } from './matmul.js'
export { maxPool2d, type MaxPool2dOptions } from './pool.js'
export { dropout } from './random.js'
export { logSoftmax, softmax } from './softmax.js'
