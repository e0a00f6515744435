import { NonFiniteError, StateError } from '../errors.js'
import type { Module } from '../nn/module.js'
import { checkInteger } from '../ops/check.js'
import { randomState } from '../ops/random.js'
import { clipGradNorm } from '../optim/clip.js'
import type { GroupOptions, Optimizer } from '../optim/optimizer.js'
import type { ReduceLROnPlateau } from '../optim/schedule/plateau.js'
import type { InnerSchedule } from '../optim/schedule/schedule.js'
import type { AnyTensor, Tensor } from '../tensor.js'
import type { Callback, StepContext } from './callbacks.js'
import { findNonFinite } from './diagnose.js'
import { type EvaluateOptions, evaluate, type Loader, measure, readAll, release } from './evaluate.js'
import { History } from './history.js'

export interface FitOptions extends EvaluateOptions {
  optimizer: Optimizer<GroupOptions>
  /** Of the optimizer's learning rate; a ReduceLROnPlateau, inside another too, is given the figure that it monitors. */
  schedule?: InnerSchedule
  /** When the schedule steps; after every epoch by default, OneCycleLR after every batch. */
  scheduleEvery?: 'epoch' | 'step'
  /** The norm that all gradients together, as one vector, may have. */
  clipGradNorm?: number
  /** Passes over the loader; 1 by default. */
  epochs?: number
  /** Evaluated after every epoch; its figures come as val_loss and so on. */
  validation?: Loader
  callbacks?: readonly Callback[]
}

/**
 * Trains the model: for each batch forward, loss, backward, step. Rejects with the signal's reason within one batch of its
 * abort, and with NonFiniteError, before the batch has changed anything, when a loss is not finite.
 */
export async function fit(model: Module, loader: Loader, options: FitOptions): Promise<History> {
  const epochs = checkInteger('fit', 'epochs', options.epochs ?? 1, 0)
  const run = new Run(model, loader, options, epochs)
  await run.tell('onTrainBegin')
  try {
    for (let epoch = 1; epoch <= epochs; epoch++) await run.epoch(epoch)
  } finally {
    await run.tell('onTrainEnd')
  }
  return run.history
}

/** One call of fit. */
class Run {
  readonly history = new History()
  private readonly context: StepContext
  private readonly names: string[]

  constructor(
    private readonly model: Module,
    private readonly loader: Loader,
    private readonly options: FitOptions,
    epochs: number,
  ) {
    this.names = Object.keys(options.metrics ?? {})
    const length = (loader as { length?: unknown }).length
    this.context = {
      epoch: 0,
      epochs,
      step: 0,
      steps: typeof length === 'number' ? length : undefined,
      globalStep: 0,
      loss: Number.NaN,
      metrics: {},
      samplesPerSecond: 0,
      logs: {},
    }
  }

  async tell(event: keyof Callback): Promise<void> {
    for (const callback of this.options.callbacks ?? []) await callback[event]?.(this.context)
  }

  async epoch(epoch: number): Promise<void> {
    const { context, options } = this
    Object.assign(context, { epoch, step: 0, logs: {} })
    await this.tell('onEpochBegin')
    this.model.train()
    const start = performance.now()
    const totals = new Map<string, number>()
    let samples = 0
    for await (const [x, target] of this.loader) {
      options.signal?.throwIfAborted()
      const size = x.shape[0] ?? 1
      context.step++
      context.globalStep++
      await this.step(x, target)
      samples += size
      context.samplesPerSecond = (1000 * samples) / (performance.now() - start)
      for (const [name, value] of Object.entries({ loss: context.loss, ...context.metrics })) {
        totals.set(name, (totals.get(name) ?? 0) + value * size)
      }
      this.history.add({ epoch, step: context.globalStep, loss: context.loss, ...context.metrics })
      await this.tell('onStepEnd')
    }
    if (samples === 0) throw new StateError('fit: expected at least one batch, got none from the loader')
    for (const [name, total] of totals) context.logs[name] = total / samples
    if (options.validation) {
      const { loss, metrics, signal } = options
      const figures = await evaluate(this.model, options.validation, { loss, metrics, signal } as EvaluateOptions)
      const named = Object.entries(figures).map(([name, value]) => [`val_${name}`, value])
      Object.assign(context.logs, Object.fromEntries(named))
      this.history.add({ epoch, step: context.globalStep, ...Object.fromEntries(named) })
    }
    this.stepSchedule('epoch')
    await this.tell('onEpochEnd')
  }

  // The loss is read before backward is encoded, so it arrives while backward computes: the engine never waits for us.
  private async step(x: Tensor, target: AnyTensor): Promise<void> {
    const { model, options, context } = this
    options.optimizer.zeroGrad()
    const random = randomState()
    const output = model.forward(x) as Tensor
    const measured = measure(output, target, options)
    const loss = measured[0] as Tensor
    const reading = readAll(measured.map((t) => t.detach()))
    loss.backward()
    for (const t of [output, ...measured]) t.dispose()
    const values = await reading
    context.loss = values[0] as number
    context.metrics = Object.fromEntries(this.names.map((name, i) => [name, values[i + 1] as number]))
    if (!Number.isFinite(context.loss)) {
      options.optimizer.zeroGrad()
      const where = await findNonFinite(model, x, random)
      throw new NonFiniteError(
        `fit: expected a finite loss, got ${context.loss} at step ${context.step} of epoch ${context.epoch}; ${where}. ` +
          'The batch has changed no weight; try a smaller learning rate, or check the data',
      )
    }
    if (options.clipGradNorm !== undefined) {
      const params = options.optimizer.groups.flatMap((group) => group.params)
      clipGradNorm(params, options.clipGradNorm).dispose()
    }
    options.optimizer.step()
    this.stepSchedule('step')
    release(this.loader, x, target)
  }

  private stepSchedule(now: 'epoch' | 'step'): void {
    const { schedule, scheduleEvery } = this.options
    if (!schedule || now !== (scheduleEvery ?? schedule.every)) return
    schedule.step(this.figureFor(schedule.plateau, now) as number)
  }

  // What the schedule, or one inside it, monitors; none if it follows from the number of steps alone.
  private figureFor(plateau: ReduceLROnPlateau | null, now: 'epoch' | 'step'): number | undefined {
    if (!plateau) return undefined
    const name = plateau.monitor ?? (this.options.validation ? 'val_loss' : 'loss')
    const { logs, loss, metrics } = this.context
    const figure = (now === 'epoch' ? logs : ({ loss, ...metrics } as Record<string, number>))[name]
    if (figure !== undefined) return figure
    throw new StateError(
      `fit: expected ReduceLROnPlateau's monitor '${name}' among the figures, got ${Object.keys(logs).join(', ')}`,
    )
  }
}
