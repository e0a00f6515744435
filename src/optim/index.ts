// quern/optim: optimisers and schedules, named and meant as in torch.optim.
import '../methods.js'

export { Adadelta, type AdadeltaOptions } from './adadelta.js'
export { Adagrad, type AdagradOptions } from './adagrad.js'
export { Adam, type AdamOptions, AdamW } from './adam.js'
export { type ClipGradNormOptions, clipGradNorm, clipGradValue } from './clip.js'
export {
  type Batch,
  type GroupOptions,
  Optimizer,
  type OptimizerState,
  type ParameterGroup,
  type Parameters,
} from './optimizer.js'
export { RMSprop, type RMSpropOptions } from './rmsprop.js'
export * from './schedule/index.js'
export { SGD, type SGDOptions } from './sgd.js'
