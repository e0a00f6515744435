// Learning-rate schedules, named and meant as in torch.optim.lr_scheduler.
export {
  CosineAnnealingLR,
  type CosineAnnealingLROptions,
  CosineAnnealingWarmRestarts,
  type CosineAnnealingWarmRestartsOptions,
} from './cosine.js'
export {
  ExponentialLR,
  InverseSqrtLR,
  LinearLR,
  type LinearLROptions,
  MultiStepLR,
  type MultiStepLROptions,
  StepLR,
  type StepLROptions,
} from './decay.js'
export { OneCycleLR, type OneCycleLROptions } from './one-cycle.js'
export { ReduceLROnPlateau, type ReduceLROnPlateauOptions, type ReduceLROnPlateauState } from './plateau.js'
export { type InnerSchedule, Schedule, type ScheduleRule, type ScheduleState } from './schedule.js'
export { SequentialLR, type SequentialLROptions, warmup } from './sequential.js'
