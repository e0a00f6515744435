import type { History } from './history.js'
import { countScale, type Format, linearScale, logScale, type Scale } from './scale.js'
import { type Point, quantile, type Range, ranges, smooth, thin } from './smooth.js'

/** One measured quantity: what every step of training gave, and what validation gave after each epoch. */
interface Series {
  name: string
  training: Point[]
  smoothed: Point[]
  validation: Point[]
  format: Format
}

const colors = {
  card: '#ffffff',
  border: '#d8dee6',
  grid: '#edf0f4',
  axis: '#aab4c0',
  text: '#5a6675',
  title: '#17202c',
  training: '#2f6fde',
  validation: '#d9540b',
}

const size = { width: 480, height: 340, single: 680 }
const inner = { left: 64, top: 66, right: 26, bottom: 52 }
// Fewer steps than this are drawn as they are.
const smoothFrom = 30
// A line through more would be a solid block: then a band shows where most of them lie.
const mostRaw = 1200
const bandBins = 160
const linePoints = 400

/** The history's loss and metrics over the steps as a standalone SVG: a panel for each, two in a row. */
export function curvesSvg(history: History): string {
  const series = allSeries(history)
  const columns = Math.min(2, series.length)
  const width = columns === 1 ? size.single : size.width * columns
  const height = size.height * Math.ceil(series.length / columns)
  const panels = series.map((s, i) => {
    const place = `translate(${(i % columns) * size.width},${Math.floor(i / columns) * size.height})`
    return `<g transform="${place}">${panel(s, i, width / columns)}</g>`
  })
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img"`,
    ` font-family="system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, 'Liberation Sans', sans-serif" font-size="12">\n`,
    `<title>Training curves: ${series.map((s) => escapeXml(s.name)).join(', ')}</title>\n`,
    `<rect x="0.5" y="0.5" width="${width - 1}" height="${height - 1}" rx="10" fill="${colors.card}" stroke="${colors.border}"/>\n`,
    panels.join('\n'),
    '\n</svg>\n',
  ].join('')
}

function allSeries(history: History): Series[] {
  const names = history.columns().filter((name) => name !== 'epoch' && name !== 'step' && !name.startsWith('val_'))
  if (!names.includes('loss')) names.unshift('loss')
  return names.map((name) => {
    const points = (column: string): Point[] =>
      history.rows.flatMap((row) => (row[column] === undefined ? [] : { x: row.step, y: row[column] }))
    const training = points(name)
    const validation = points(`val_${name}`)
    const share = [...training, ...validation].every(({ y }) => !Number.isFinite(y) || (y >= 0 && y <= 1))
    const format = share && /accuracy/i.test(name) ? 'percent' : 'number'
    const smoothed = training.length < smoothFrom ? training : smooth(training, Math.round(training.length / 40) + 2)
    return { name, training, smoothed, validation, format }
  })
}

function panel(series: Series, index: number, width: number): string {
  const { name, training, smoothed, validation } = series
  const box = { left: inner.left, top: inner.top, right: width - inner.right, bottom: size.height - inner.bottom }
  const title = text(box.left - 40, 34, capitalize(name), `font-size="16" font-weight="600" fill="${colors.title}"`)
  const finite = [...training, ...validation].filter(({ y }) => Number.isFinite(y))
  if (finite.length === 0) {
    const message = training.length === 0 ? 'No steps were recorded' : 'No finite values were recorded'
    const middle = `text-anchor="middle" fill="${colors.text}"`
    return title + text(width / 2, size.height / 2, message, middle)
  }
  const steps = extent([...training, ...validation].map((p) => p.x))
  const xScale = countScale(steps[0] < 0.1 * steps[1] ? 0 : steps[0], steps[1], width / 90)
  const yScale = verticalScale(series)
  const x = (value: number) => box.left + xScale.at(value) * (box.right - box.left)
  const y = (value: number) => box.bottom - yScale.at(value) * (box.bottom - box.top)
  const path = (points: readonly Point[]) => linePath(points, x, y)
  const dots = (points: readonly Point[], color: string) =>
    points.filter((p) => Number.isFinite(p.y)).map((p) => dot(x(p.x), y(p.y), color))
  const raw =
    training.length > mostRaw
      ? band(ranges(training, bandBins), x, y)
      : smoothed === training
        ? ''
        : line(path(training), colors.training, 1, 0.26)
  return [
    title,
    legend(series, box.right),
    grid(box, xScale, yScale, x, y),
    `<clipPath id="panel-${index}"><rect x="${box.left}" y="${box.top - 1}" width="${box.right - box.left + 1}" height="${box.bottom - box.top + 1}"/></clipPath>\n`,
    `<g clip-path="url(#panel-${index})" fill="none" stroke-linejoin="round" stroke-linecap="round">\n`,
    raw,
    line(path(thin(smoothed, linePoints)), colors.training, 2),
    line(path(validation), colors.validation, 1.5, 0.55),
    '</g>\n',
    // A path of one point shows nothing.
    ...dots(training.length === 1 ? training : [], colors.training),
    ...dots(validation, colors.validation),
  ].join('')
}

function verticalScale({ name, training, smoothed, validation, format }: Series): Scale {
  const finite = (points: readonly Point[]) => points.map((p) => p.y).filter(Number.isFinite)
  const raw = finite(training)
  const curves = [...finite(smoothed), ...finite(validation)]
  const ticks = 5
  if (format === 'percent') {
    // The climb at the beginning would leave the rest no room.
    const start = raw.length < smoothFrom ? 0 : 0.04
    const [low] = extent([quantile(curves, start), ...finite(validation)])
    const [, high] = extent(curves)
    const top = high > 0.9 ? 1 : high
    return low < top
      ? linearScale(low, top, ticks, format)
      : linearScale(Math.max(0, top - 0.1), top || 0.1, ticks, format)
  }
  // Most of the noise is to be seen too.
  const most = raw.length > 0 ? [quantile(raw, 0.02), quantile(raw, 0.98)] : []
  const [low, high] = extent([...curves, ...most])
  if (/loss/i.test(name) && low > 0 && high / low > 12) return logScale(low, high, ticks + 2)
  return linearScale(low >= 0 && low < 0.5 * high ? 0 : low, high, ticks)
}

type Box = Record<'left' | 'top' | 'right' | 'bottom', number>
type Place = (value: number) => number

function grid(box: Box, xScale: Scale, yScale: Scale, x: Place, y: Place): string {
  const rows = yScale.ticks.map((tick) => {
    const at = round(y(tick))
    const label = text(box.left - 10, at + 4, yScale.label(tick), `text-anchor="end" fill="${colors.text}"`)
    return `<path d="M${box.left} ${at}H${box.right}" stroke="${colors.grid}"/>${label}`
  })
  const columns = xScale.ticks.map((tick) => {
    const at = round(x(tick))
    const label = text(at, box.bottom + 20, xScale.label(tick), `text-anchor="middle" fill="${colors.text}"`)
    return `<path d="M${at} ${box.bottom}v5" stroke="${colors.axis}"/>${label}`
  })
  const axis = `<path d="M${box.left} ${box.bottom}H${box.right}" stroke="${colors.axis}"/>\n`
  const name = text((box.left + box.right) / 2, box.bottom + 40, 'Step', `text-anchor="middle" fill="${colors.text}"`)
  return `${[...rows, ...columns].join('\n')}\n${axis}${name}`
}

/** Right-aligned: what each line is and where it ended. */
function legend({ training, smoothed, validation, format }: Series, right: number): string {
  const value = (points: readonly Point[]) => figure(points.at(-1)?.y ?? Number.NaN, format)
  const name = smoothed === training ? 'Training' : 'Training (smoothed)'
  const entries: string[] = []
  if (training.length > 0)
    entries.push(`<tspan fill="${colors.training}">●</tspan> ${name} <tspan ${strong}>${value(smoothed)}</tspan>`)
  if (validation.length > 0) {
    entries.push(
      `<tspan fill="${colors.validation}">●</tspan> Validation <tspan ${strong}>${value(validation)}</tspan>`,
    )
  }
  return `<text x="${right}" y="34" text-anchor="end" fill="${colors.text}" xml:space="preserve">${entries.join('    ')}</text>\n`
}

const strong = `font-weight="600" fill="${colors.title}"`

function figure(value: number, format: Format): string {
  if (!Number.isFinite(value)) return 'NaN'
  if (format === 'percent') return `${(value * 100).toFixed(2)}%`
  return new Intl.NumberFormat('en-US', { notation: 'compact', maximumSignificantDigits: 3 }).format(value)
}

function linePath(points: readonly Point[], x: Place, y: Place): string {
  let path = ''
  let open = false
  for (const p of points) {
    const at = y(p.y)
    if (Number.isFinite(at)) path += `${open ? 'L' : 'M'}${round(x(p.x))} ${round(at)}`
    open = Number.isFinite(at)
  }
  return path
}

// Down along the lows and back along the highs.
function band(ranges: readonly Range[], x: Place, y: Place): string {
  const edge = (end: 'low' | 'high') =>
    smooth(
      ranges.map((r) => ({ x: r.x, y: r[end] })),
      5,
    )
  const path = linePath([...edge('low'), ...edge('high').reverse()], x, y)
  return path && `<path d="${path}Z" fill="${colors.training}" fill-opacity="0.16"/>\n`
}

const line = (path: string, color: string, width: number, opacity = 1): string =>
  path && `<path d="${path}" stroke="${color}" stroke-width="${width}" stroke-opacity="${opacity}"/>\n`

const dot = (x: number, y: number, color: string): string =>
  `<circle cx="${round(x)}" cy="${round(y)}" r="4" fill="${color}" stroke="${colors.card}" stroke-width="1.5"/>\n`

const text = (x: number, y: number, content: string, attributes: string): string =>
  `<text x="${round(x)}" y="${round(y)}" ${attributes}>${escapeXml(content)}</text>\n`

const round = (n: number): number => Math.round(n * 10) / 10

const capitalize = (name: string): string => name.charAt(0).toUpperCase() + name.slice(1)

const escapeXml = (s: string): string => s.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')

function extent(values: readonly number[]): [number, number] {
  let low = Number.POSITIVE_INFINITY
  let high = Number.NEGATIVE_INFINITY
  for (const v of values) {
    if (v < low) low = v
    if (v > high) high = v
  }
  return [low, high]
}
