import type { Callback, StepContext } from './callbacks.js'

/** Where progress is written to, such as process.stdout. */
export interface ProgressStream {
  write(text: string): unknown
  isTTY?: boolean | undefined
  columns?: number | undefined
}

export interface ProgressBarOptions {
  /** process.stderr by default, the console in a browser. */
  stream?: ProgressStream
  /** What samples are called, as in '3,270 images/s'. */
  unit?: string
  /** A clock in milliseconds. */
  now?: () => number
}

const redrawEvery = 100 // milliseconds, on a terminal
const lineEvery = 10_000 // milliseconds, elsewhere; and after each tenth of an epoch
const barWidth = 24
const clearRest = '\x1b[K'

/** Shows step, loss, metrics, speed and time left: as a bar on a terminal, as a line now and then where output is kept. */
export function progressBar(options: ProgressBarOptions = {}): Callback {
  const { stream = standardStream(), unit = 'samples', now = () => performance.now() } = options
  return stream.isTTY ? barOn(stream, unit, now) : linesOn(stream, unit, now)
}

function barOn(stream: ProgressStream, unit: string, now: () => number): Callback {
  let began = 0
  let drawn = Number.NEGATIVE_INFINITY
  let open = false
  const draw = (text: string) => {
    // A line that wraps could not be overwritten.
    stream.write(`\r${text.slice(0, Math.max(1, (stream.columns ?? 80) - 1))}${clearRest}`)
    open = true
  }
  const close = () => {
    if (open) stream.write('\n')
    open = false
  }
  return {
    onEpochBegin() {
      began = now()
      drawn = Number.NEGATIVE_INFINITY
    },
    onStepEnd(context) {
      if (now() - drawn < redrawEvery && context.step !== context.steps) return
      drawn = now()
      draw(describe(context, unit, bar(context), timeLeft(context, now() - began)))
    },
    onEpochEnd(context) {
      draw(summarize(context, unit, now() - began))
      close()
    },
    onTrainEnd: close,
  }
}

function linesOn(stream: ProgressStream, unit: string, now: () => number): Callback {
  let began = 0
  let told = 0
  return {
    onEpochBegin() {
      began = now()
      told = began
    },
    onStepEnd(context) {
      const { step, steps } = context
      // The line of the epoch's end follows at once.
      if (step === steps || (!passesTenth(step, steps) && now() - told < lineEvery)) return
      told = now()
      stream.write(`${describe(context, unit, '', timeLeft(context, now() - began))}\n`)
    },
    onEpochEnd(context) {
      stream.write(`${summarize(context, unit, now() - began)}\n`)
    },
  }
}

function describe(context: StepContext, unit: string, drawing: string, left: string): string {
  const { step, steps, loss, metrics, samplesPerSecond } = context
  const parts = [`${drawing}${step}${steps === undefined ? '' : `/${steps}`}`, ...figures({ loss, ...metrics })]
  parts.push(speed(samplesPerSecond, unit))
  if (left) parts.push(`${left} left`)
  return `${epochOf(context)}  ${parts.join('  ')}`
}

function summarize(context: StepContext, unit: string, milliseconds: number): string {
  const { step, samplesPerSecond, logs } = context
  const parts = [`${step} steps in ${duration(milliseconds)}`, speed(samplesPerSecond, unit), ...figures(logs)]
  return `${epochOf(context)}  ${parts.join('  ')}`
}

function epochOf({ epoch, epochs }: StepContext): string {
  return `epoch ${String(epoch).padStart(String(epochs).length)}/${epochs}`
}

function bar({ step, steps }: StepContext): string {
  if (!steps) return ''
  const full = Math.min(barWidth, Math.floor((barWidth * step) / steps))
  return `${'━'.repeat(full)}${'╌'.repeat(barWidth - full)} `
}

function passesTenth(step: number, steps: number | undefined): boolean {
  if (!steps) return false
  return Math.floor((10 * step) / steps) > Math.floor((10 * (step - 1)) / steps)
}

function timeLeft({ step, steps }: StepContext, elapsed: number): string {
  if (!steps || step === 0 || step >= steps) return ''
  return duration((elapsed / step) * (steps - step))
}

const figures = (values: Record<string, number>): string[] =>
  Object.entries(values).map(([name, value]) => `${name} ${figure(value)}`)

function figure(value: number): string {
  if (!Number.isFinite(value)) return String(value)
  return value !== 0 && (Math.abs(value) < 1e-3 || Math.abs(value) >= 1e5) ? value.toExponential(3) : value.toFixed(4)
}

function speed(perSecond: number, unit: string): string {
  const digits = perSecond < 10 ? 1 : 0
  return `${perSecond.toLocaleString('en-US', { minimumFractionDigits: digits, maximumFractionDigits: digits })} ${unit}/s`
}

/** '4.2 s', '3:07', '1:02:45'. */
function duration(milliseconds: number): string {
  const tenths = Math.round(milliseconds / 100) / 10
  if (tenths < 60) return `${tenths.toFixed(1)} s`
  const seconds = Math.round(tenths)
  const two = (n: number) => String(Math.floor(n)).padStart(2, '0')
  const minutes = Math.floor(seconds / 60)
  if (minutes < 60) return `${minutes}:${two(seconds % 60)}`
  return `${Math.floor(minutes / 60)}:${two(minutes % 60)}:${two(seconds % 60)}`
}

function standardStream(): ProgressStream {
  if (typeof process !== 'undefined' && process.stderr) return process.stderr
  return { write: (text) => console.log(text.trimEnd()) }
}
