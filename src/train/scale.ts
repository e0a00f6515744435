/** A mapping of values to 0..1, with round values to mark on an axis. */
export interface Scale {
  at(value: number): number
  ticks: readonly number[]
  label(value: number): string
}

export type Format = 'number' | 'percent'

/** Even steps of 1, 2 or 5 times a power of ten, about `count` of them; the domain ends at the ticks around low and high. */
export function linearScale(low: number, high: number, count: number, format: Format = 'number'): Scale {
  // Rounding alone makes a difference of this size.
  if (high - low <= 1e-6 * Math.abs(high)) {
    const margin = Math.abs(low) * 0.1 || 1
    return linearScale(low - margin, high + margin, count, format)
  }
  const step = roundStep((high - low) / count)
  const first = Math.floor(low / step + slack)
  const last = Math.ceil(high / step - slack)
  return {
    ...between(times(first, step), times(last, step)),
    ticks: range(first, last, step),
    label: labels(step, format),
  }
}

/** As linearScale, but for counts: only whole numbers are marked, and the domain ends at low and high. */
export function countScale(low: number, high: number, count: number): Scale {
  if (high === low) return countScale(low - 1, low + 1, count)
  const step = Math.max(1, roundStep((high - low) / count))
  const ticks = range(Math.ceil(low / step - slack), Math.floor(high / step + slack), step)
  return { ...between(low, high), ticks, label: labels(step, 'number') }
}

const between = (low: number, high: number) => ({ at: (value: number) => (value - low) / (high - low) })

// What all but reaches a tick reaches it.
const slack = 1e-9

// Exact where step is not: 3 / 10 instead of 3 · 0.1.
const times = (i: number, step: number): number => (step < 1 ? i / Math.round(1 / step) : i * step)

const range = (first: number, last: number, step: number): number[] =>
  Array.from({ length: last - first + 1 }, (_, i) => times(first + i, step))

/** Powers of ten, with 2 and 5 times them, or 3 times them, where there is room for `count` ticks. Both ends are positive. */
export function logScale(low: number, high: number, count: number): Scale {
  const decades = Math.log10(high / low)
  const multiples = decades * 3 <= count ? [1, 2, 5] : decades * 2 <= count ? [1, 3] : [1]
  const every = Math.max(1, Math.ceil(decades / count))
  const all: number[] = []
  for (let power = Math.floor(Math.log10(low)) - 1; power <= Math.ceil(Math.log10(high)); power++) {
    if (power % every === 0) all.push(...multiples.map((m) => Number(`${m}e${power}`)))
  }
  const from = all.filter((tick) => tick <= low * 1.0001).at(-1) ?? low
  const to = all.find((tick) => tick >= high * 0.9999) ?? high
  return {
    at: (value) => Math.log(value / from) / Math.log(to / from),
    ticks: all.filter((tick) => tick >= from && tick <= to),
    label: (value) => (value >= 1e-4 && value < 1e6 ? String(value) : value.toExponential(0)),
  }
}

function roundStep(rough: number): number {
  const power = Math.floor(Math.log10(rough))
  const multiple = rough / 10 ** power
  const round = multiple >= 7.07 ? 10 : multiple >= 3.16 ? 5 : multiple >= 1.41 ? 2 : 1
  return Number(`${round}e${power}`)
}

function labels(step: number, format: Format): (value: number) => string {
  const shown = format === 'percent' ? step * 100 : step
  const digits = Math.max(0, -Math.floor(Math.log10(shown) + 1e-9))
  if (digits > 6) return (value) => (value === 0 ? '0' : value.toExponential(1))
  const large = shown >= 1e5 ? ({ notation: 'compact' } as const) : {}
  const numbers = new Intl.NumberFormat('en-US', {
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
    ...large,
  })
  return format === 'percent' ? (value) => `${numbers.format(value * 100)}%` : (value) => numbers.format(value)
}
