// One picture of a table: each row's share of the machine's limit, and how many times faster Quern is than each peer.
import { createRequire } from 'node:module'
import type { EChartsOption } from 'echarts'
import { formatNumber, ratio } from './report.js'
import type { Cell, Result } from './table.js'

// Required it is one file; imported it is hundreds, which take seconds.
const { init } = createRequire(import.meta.url)('echarts') as typeof import('echarts')

const width = 1200
const rowHeight = 18
const margin = { top: 96, bottom: 56 }
const ink = '#1f2933'
const faint = '#9aa5b1'
const colours = ['#d97706', '#0f766e', '#7c3aed', '#be123c', '#0369a1', '#4d7c0f', '#6b7280']

const rowHeightOf = (peers: readonly string[]): number => Math.max(rowHeight, 10 * peers.length + 8)

/** SVG; null for a table that compares nothing. */
export function chartSvg(result: Result): string | null {
  const { rows, subject } = result
  if (!subject || rows.length === 0) return null
  const limited = rows.some(({ limit }) => limit !== undefined)
  const peers = result.columns.filter((column) => column !== subject)
  if (!limited && peers.length === 0) return null
  const perRow = rowHeightOf(peers)
  const height = margin.top + margin.bottom + perRow * rows.length
  const chart = init(null, null, { renderer: 'svg', ssr: true, width, height })
  chart.setOption(option(result, subject, peers, limited))
  const svg = chart.renderToSVGString()
  chart.dispose()
  return svg
}

function option(result: Result, subject: string, peers: string[], limited: boolean): EChartsOption {
  const { title, cpu, threads, isa, date, rows } = result
  const names = rows.map(({ name }) => name)
  const left = 350
  const middle = 790
  const grids = limited && peers.length > 0
  const panel = { top: margin.top, bottom: margin.bottom, containLabel: false }
  const share = { ...panel, left, right: grids ? width - middle + 20 : 40 }
  const speed = { ...panel, left: grids ? middle + 20 : left, right: 60 }
  const side = (show: boolean, gridIndex: number) => ({
    ...{ type: 'category' as const, data: names, inverse: true, gridIndex },
    ...{ axisLabel: { show, color: ink, fontSize: 12, interval: 0 }, axisTick: { show: false } },
    axisLine: { lineStyle: { color: faint } },
  })
  return {
    ...{ animation: false, backgroundColor: '#ffffff', color: colours, textStyle: { fontFamily: 'sans-serif' } },
    title: {
      ...{ text: `${title}: ${subject} on ${cpu}`, left: 24, top: 16, textStyle: { color: ink, fontSize: 18 } },
      subtext: `${threads} threads, ${isa}, ${date.slice(0, 10)}, medians`,
    },
    legend: { right: 60, top: 24, data: peers, itemWidth: 12, itemHeight: 12, textStyle: { color: ink } },
    grid: [...(limited ? [share] : []), ...(peers.length > 0 ? [speed] : [])],
    yAxis: [...(limited ? [side(true, 0)] : []), ...(peers.length > 0 ? [side(!limited, limited ? 1 : 0)] : [])],
    xAxis: [
      ...(limited ? [shareAxis] : []),
      ...(peers.length > 0 ? [speedAxis(result, subject, limited ? 1 : 0)] : []),
    ],
    series: [...(limited ? shareSeries(result, subject) : []), ...speedSeries(result, subject, peers, limited ? 1 : 0)],
  } as EChartsOption
}

const named = (name: string) => ({
  ...{ name, nameLocation: 'middle' as const, nameGap: 32, nameTextStyle: { color: ink } },
  ...{ axisLabel: { color: ink }, splitLine: { lineStyle: { color: '#e4e7eb' } } },
})

const shareAxis = {
  ...named('share of the limit measured beside it, %; the mark is the goal'),
  ...{ type: 'value' as const, min: 0, max: ({ max }: { max: number }) => Math.max(100, max), gridIndex: 0 },
}

function speedAxis({ rows, smaller, columns }: Result, subject: string, gridIndex: number) {
  const ratios = rows.flatMap(({ cells, goals }) =>
    columns.flatMap((column) => {
      const factor = speedUp(cells[subject], cells[column], smaller)
      return factor === null ? [1] : [factor, goals?.times?.[column] ?? 1]
    }),
  )
  const [low, high] = [Math.min(...ratios), Math.max(...ratios)]
  const logBase = high / low > 64 ? 10 : 2
  const power = (value: number, round: (v: number) => number) => logBase ** round(Math.log(value) / Math.log(logBase))
  const range = { min: power(low, Math.floor), max: power(high, Math.ceil) }
  const marked = rows.some(({ goals }) => goals?.times) ? '; the mark is the goal' : ''
  return { ...named(`times as good as the peer${marked}`), type: 'log' as const, logBase, gridIndex, ...range }
}

function speedUp(ours: Cell | undefined, theirs: Cell | undefined, smaller?: boolean): number | null {
  return ours && theirs ? ratio(ours.value, theirs.value, smaller) : null
}

function shareSeries({ rows }: Result, subject: string): object[] {
  const data = rows.map(({ cells, limit }) => (limit ? (100 * (cells[subject]?.value ?? 0)) / limit : null))
  const goals = rows.flatMap(({ goals }, i) => (goals?.share === undefined ? [] : [[100 * goals.share, i]]))
  const axes = { xAxisIndex: 0, yAxisIndex: 0 }
  const bar = { itemStyle: { color: '#334e68' }, barWidth: '62%' }
  const label = valueLabel('insideLeft', '#ffffff', 11, (v) => `${Math.round(v)}`)
  return [
    { type: 'bar', data, ...axes, ...bar, label },
    { ...mark(16, '#f59e0b'), data: goals, ...axes },
  ]
}

const mark = (height: number, color: string) => ({
  ...{ type: 'scatter', symbol: 'rect', symbolSize: [3, height], itemStyle: { color }, z: 3 },
})

function speedSeries({ rows, smaller }: Result, subject: string, peers: string[], index: number): object[] {
  const label = valueLabel('right', ink, 10, (v) => `${formatNumber(v)}×`)
  const axes = { xAxisIndex: index, yAxisIndex: index }
  const [barGap, barCategoryGap] = [0.05, 0.2]
  const gaps = { barGap: `${100 * barGap}%`, barCategoryGap: `${100 * barCategoryGap}%` }
  const speeds = (peer: string) => rows.map(({ cells }) => speedUp(cells[subject], cells[peer], smaller))
  const bars = peers.map((peer, i) => ({
    ...{ type: 'bar', name: peer, ...axes, ...gaps, label, data: speeds(peer) },
    ...(i === 0 ? { markLine: even } : {}),
  }))
  // A point stands in the middle of its row, and is moved to the peer's bar.
  const used = rowHeightOf(peers) * (1 - barCategoryGap)
  const height = used / (peers.length + barGap * (peers.length - 1))
  const marks = peers.map((peer, i) => {
    const data = speeds(peer).flatMap((speed, row) => {
      const goal = rows[row]?.goals?.times?.[peer]
      return speed === null || goal === undefined ? [] : [[goal, row]]
    })
    const symbolOffset = [0, (height - used) / 2 + i * height * (1 + barGap)]
    return { ...mark(height, ink), ...axes, data, symbolOffset }
  })
  return [...bars, ...marks]
}

// Where both are equally good.
const even = {
  ...{ symbol: 'none', silent: true, label: { show: false } },
  ...{ lineStyle: { color: ink, type: 'solid' as const, width: 1 }, data: [{ xAxis: 1 }] },
}

function valueLabel(position: string, color: string, fontSize: number, format: (value: number) => string): object {
  const formatter = ({ value }: { value: number | null }): string => (typeof value === 'number' ? format(value) : '')
  return { show: true, position, color, fontSize, formatter }
}
