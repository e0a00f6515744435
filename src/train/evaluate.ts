import { DataLoader } from '../data/loader.js'
import { StateError } from '../errors.js'
import type { Module } from '../nn/module.js'
import { noGrad, scope } from '../ops/autograd.js'
import type { AnyTensor, Tensor } from '../tensor.js'
import type { Metric } from './metrics.js'

/** Pairs of input and target; iterated once per epoch. */
export type Loader = AsyncIterable<readonly [Tensor, AnyTensor]> | Iterable<readonly [Tensor, AnyTensor]>
// biome-ignore lint/suspicious/noExplicitAny: a loss may want targets of any dtype
export type Loss = (output: Tensor, target: any) => Tensor

export interface EvaluateOptions {
  loss: Loss
  metrics?: Record<string, Metric>
  /** Stops between two batches; the promise rejects with its reason. */
  signal?: AbortSignal
}

// Batches that may be under way while their results are read.
const ahead = 4

/** The loss and each metric over all batches of the loader, weighted by batch size, in evaluation mode. */
export async function evaluate(
  model: Module,
  loader: Loader,
  options: EvaluateOptions,
): Promise<Record<string, number>> {
  const names = ['loss', ...Object.keys(options.metrics ?? {})]
  const totals = names.map(() => 0)
  let count = 0
  const pending: Promise<void>[] = []
  for await (const [x, target] of loader) {
    options.signal?.throwIfAborted()
    const size = x.shape[0] ?? 1
    const results = evaluating(model, () => scope(() => measure(model.forward(x) as Tensor, target, options)))
    pending.push(
      readAll(results).then((values) => {
        for (const [i, value] of values.entries()) totals[i] = (totals[i] as number) + value * size
        count += size
      }),
    )
    release(loader, x, target)
    if (pending.length >= ahead) await pending.shift()
  }
  await Promise.all(pending)
  if (count === 0) throw new StateError('evaluate: expected at least one batch, got none from the loader')
  return Object.fromEntries(names.map((name, i) => [name, (totals[i] as number) / count]))
}

/** The model's output for x in evaluation mode, without recording. */
export const predict = (model: Module, x: Tensor): Tensor => evaluating(model, () => model.forward(x) as Tensor)

/** The loss and the metrics of a batch, as tensors. */
export function measure(output: Tensor, target: AnyTensor, options: EvaluateOptions): Tensor[] {
  return [options.loss(output, target), ...Object.values(options.metrics ?? {}).map((metric) => metric(output, target))]
}

/** Releases the batches of a DataLoader: they are made for one use. */
export function release(loader: Loader, ...batch: AnyTensor[]): void {
  if (loader instanceof DataLoader) for (const t of batch) t.dispose()
}

/** Reads tensors of one element and releases them. */
export async function readAll(tensors: readonly Tensor[]): Promise<number[]> {
  const values = Promise.all(tensors.map((t) => t.item()))
  for (const t of tensors) t.dispose()
  return values
}

// Runs fn without recording and with every module in evaluation mode, each put back as it was.
function evaluating<R>(model: Module, fn: () => R): R {
  const modes = model.modules().map((module) => [module, module.training] as const)
  model.eval()
  try {
    return noGrad(fn)
  } finally {
    for (const [module, training] of modes) module.training = training
  }
}
