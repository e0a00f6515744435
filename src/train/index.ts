// quern/train: the training loop, what it measures, and what it tells.
import '../methods.js'

export type { Callback, StepContext } from './callbacks.js'
export { curvesSvg } from './curves.js'
export { type EvaluateOptions, evaluate, type Loader, type Loss, predict } from './evaluate.js'
export { type FitOptions, fit } from './fit.js'
export { History, type HistoryRow } from './history.js'
export { accuracy, type Metric } from './metrics.js'
export { type ProgressBarOptions, type ProgressStream, progressBar } from './progress.js'
