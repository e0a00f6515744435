import { type Callback, progressBar, type StepContext } from 'quern/train'
import { describe, expect, it } from 'vitest'

/** Two epochs of `steps` steps, each `stepTime` milliseconds long; returns what was written. */
async function run(options: {
  isTTY: boolean
  columns?: number
  steps?: number
  stepTime?: number
  tellsSteps?: boolean
}) {
  const { isTTY, columns, steps = 100, stepTime = 50, tellsSteps = true } = options
  const written: string[] = []
  let clock = 1000
  const stream = { isTTY, columns, write: (text: string) => written.push(text) }
  const bar: Callback = progressBar({ stream, unit: 'images', now: () => clock })
  const context: StepContext = {
    epoch: 0,
    epochs: 2,
    step: 0,
    steps: tellsSteps ? steps : undefined,
    globalStep: 0,
    loss: Number.NaN,
    metrics: {},
    samplesPerSecond: 0,
    logs: {},
  }
  await bar.onTrainBegin?.(context)
  for (const epoch of [1, 2]) {
    Object.assign(context, { epoch, step: 0, logs: {} })
    await bar.onEpochBegin?.(context)
    for (let step = 1; step <= steps; step++) {
      clock += stepTime
      context.globalStep++
      Object.assign(context, { step, loss: 2 / step, metrics: { accuracy: step / steps }, samplesPerSecond: 3270.4 })
      await bar.onStepEnd?.(context)
    }
    context.logs = { loss: 0.5, accuracy: 0.75, val_loss: 0.00012, val_accuracy: 0.9812 }
    await bar.onEpochEnd?.(context)
  }
  await bar.onTrainEnd?.(context)
  return written
}

/** What a terminal shows after these bytes. */
function screen(text: string): string[] {
  const rows = text.replaceAll('\x1b[K', '').split('\n')
  return rows.map((row) => row.slice(row.lastIndexOf('\r') + 1))
}

describe('progressBar where output is kept', () => {
  it('writes a line at each tenth of an epoch and one at its end', async () => {
    const written = await run({ isTTY: false })
    expect(written.every((line) => line.endsWith('\n') && !line.includes('\r') && !line.includes('\x1b'))).toBe(true)
    expect(written).toHaveLength(2 * 10)
    expect(written[0]).toBe('epoch 1/2  10/100  loss 0.2000  accuracy 0.1000  3,270 images/s  4.5 s left\n')
    expect(written[8]).toBe('epoch 1/2  90/100  loss 0.0222  accuracy 0.9000  3,270 images/s  0.5 s left\n')
    expect(written[9]).toBe(
      'epoch 1/2  100 steps in 5.0 s  3,270 images/s  loss 0.5000  accuracy 0.7500  val_loss 1.200e-4  val_accuracy 0.9812\n',
    )
    expect(written[10]).toMatch(/^epoch 2\/2 {2}10\/100 /)
  })

  it('writes every ten seconds where steps are slow, or nobody knows how many', async () => {
    const slow = await run({ isTTY: false, steps: 20, stepTime: 11_000 })
    expect(slow).toHaveLength(2 * 20)
    expect(slow[0]).toContain('epoch 1/2  1/20  loss 2.0000  accuracy 0.0500  3,270 images/s  3:29 left')
    const unknown = await run({ isTTY: false, tellsSteps: false, steps: 100, stepTime: 1000 })
    expect(unknown).toHaveLength(2 * 11)
    expect(unknown[0]).toBe('epoch 1/2  10  loss 0.2000  accuracy 0.1000  3,270 images/s\n')
  })

  it('writes only the ends of epochs of one step', async () => {
    expect(await run({ isTTY: false, steps: 1 })).toHaveLength(2)
  })
})

describe('progressBar on a terminal', () => {
  it('redraws one line, at most ten times a second, and leaves a summary of each epoch', async () => {
    const written = await run({ isTTY: true, columns: 120, steps: 1000, stepTime: 5 })
    // 5 s per epoch: 50 drawings, the last step, the summary and its end of line.
    expect(written.length).toBeLessThanOrEqual(2 * 54)
    expect(written.length).toBeGreaterThan(80)
    expect(screen(written.join(''))).toEqual([
      'epoch 1/2  1000 steps in 5.0 s  3,270 images/s  loss 0.5000  accuracy 0.7500  val_loss 1.200e-4  val_accuracy 0.9812',
      'epoch 2/2  1000 steps in 5.0 s  3,270 images/s  loss 0.5000  accuracy 0.7500  val_loss 1.200e-4  val_accuracy 0.9812',
      '',
    ])
  })

  it('shows how far it is', async () => {
    const written = await run({ isTTY: true, columns: 120, steps: 4, stepTime: 1000 })
    const drawn = written.slice(0, 4).map((text) => screen(text)[0])
    expect(drawn).toEqual([
      'epoch 1/2  ━━━━━━╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌ 1/4  loss 2.0000  accuracy 0.2500  3,270 images/s  3.0 s left',
      'epoch 1/2  ━━━━━━━━━━━━╌╌╌╌╌╌╌╌╌╌╌╌ 2/4  loss 1.0000  accuracy 0.5000  3,270 images/s  2.0 s left',
      'epoch 1/2  ━━━━━━━━━━━━━━━━━━╌╌╌╌╌╌ 3/4  loss 0.6667  accuracy 0.7500  3,270 images/s  1.0 s left',
      'epoch 1/2  ━━━━━━━━━━━━━━━━━━━━━━━━ 4/4  loss 0.5000  accuracy 1.0000  3,270 images/s',
    ])
  })

  it('never wraps in a narrow window', async () => {
    const written = await run({ isTTY: true, columns: 40, steps: 10 })
    for (const row of written.flatMap(screen)) expect(row.length).toBeLessThan(40)
  })

  it('ends its line when training ends in the middle of an epoch', async () => {
    const written: string[] = []
    const bar = progressBar({ stream: { isTTY: true, write: (text) => written.push(text) }, now: () => 0 })
    const context = {
      epoch: 1,
      epochs: 1,
      step: 1,
      steps: 9,
      globalStep: 1,
      loss: 1,
      metrics: {},
      samplesPerSecond: 2.5,
      logs: {},
    }
    await bar.onEpochBegin?.(context)
    await bar.onStepEnd?.(context)
    await bar.onTrainEnd?.(context)
    expect(screen(written.join(''))).toEqual([expect.stringContaining('2.5 samples/s'), ''])
    await bar.onTrainEnd?.(context)
    expect(written.at(-1)).toBe('\n')
    expect(written).toHaveLength(2)
  })
})
