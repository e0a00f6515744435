/** Where training stands; one object per call of fit, brought up to date before each call of a callback. */
export interface StepContext {
  /** From 1 to epochs. */
  epoch: number
  epochs: number
  /** Within the epoch, from 1; 0 before its first step. */
  step: number
  /** Per epoch; undefined where the loader does not tell. */
  steps: number | undefined
  /** Steps since training began. */
  globalStep: number
  /** Of the last batch. */
  loss: number
  /** Of the last batch. */
  metrics: Record<string, number>
  /** Mean over the epoch so far. */
  samplesPerSecond: number
  /** At the end of an epoch: loss and metrics as means over it, val_loss and so on from the validation. */
  logs: Record<string, number>
}

type Handler = (context: StepContext) => void | Promise<void>

/** What fit calls while it trains, and waits for; every method is optional. */
export interface Callback {
  onTrainBegin?: Handler
  onEpochBegin?: Handler
  onStepEnd?: Handler
  /** After the validation. */
  onEpochEnd?: Handler
  onTrainEnd?: Handler
}
