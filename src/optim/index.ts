// quern/optim: optimisers, named and meant as in torch.optim.
import '../methods.js'

export { Adam, type AdamOptions, AdamW } from './adam.js'
export { type GroupOptions, Optimizer, type OptimizerState, type ParameterGroup, type Parameters } from './optimizer.js'
export { SGD, type SGDOptions } from './sgd.js'
