import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { report } from '../../bench/report.js'
import type { Cell, Result, Row } from '../../bench/table.js'
import { peerPlans } from '../../bench/tables/peers.js'
import { scalingPlans } from '../../bench/tables/scaling.js'

const { isTTY } = process.stdout
beforeEach(() => {
  process.stdout.isTTY = true
  vi.stubEnv('NO_COLOR', undefined)
  vi.stubEnv('FORCE_COLOR', '1')
})
afterEach(() => {
  process.stdout.isTTY = isTTY
  vi.unstubAllEnvs()
})

const row = (name: string, values: Record<string, number>, more: Partial<Row> = {}): Row => {
  const cells = Object.fromEntries(Object.entries(values).map(([column, value]): [string, Cell] => [column, { value }]))
  return { group: 'all', name, unit: 'images/s', cells, ...more }
}

const columns = ['Quern', 'PyTorch']

/** Of each line of the report its words, with the colour before those that have one. */
function shown(rows: Row[], more: Partial<Result> = {}): string[] {
  const about = { date: '', cpu: '', threads: 2, isa: '', versions: {} }
  const table = { name: 'table', title: 'Table', columns, subject: 'Quern', rows, absent: [], notes: [] }
  const text = report({ ...about, ...table, ...more })
  const codes: Record<string, string> = { 2: 'dim', 31: 'red', 32: 'green' }
  // biome-ignore lint/suspicious/noControlCharactersInRegex: it is what colours are made of
  const colours = text.replace(/\x1b\[(\d+)m( *)/g, (_, code: string, space: string) =>
    codes[code] ? `${space}${codes[code]}:` : space,
  )
  return colours.split('\n').map((line) => line.trim().replace(/ +/g, ' '))
}

test('a share of the limit beside its goal', () => {
  const rows = [
    row('reached', { Quern: 86, PyTorch: 43 }, { limit: 100, goals: { share: 0.85 } }),
    row('missed', { Quern: 80, PyTorch: 100 }, { limit: 100, goals: { share: 0.85 } }),
    row('without', { Quern: 30 }, { limit: 100 }),
  ]
  const [, titles, , ...lines] = shown(rows)
  expect(titles).toBe('Table Quern of limit goal PyTorch')
  expect(lines).toEqual([
    'reached 86.0 green:86 % dim:85 % 43.0 green:2.00×',
    'missed 80.0 red:80 % dim:85 % 100 red:0.80×',
    'without 30.0 30 % dim:–',
  ])
})

test('a least value, and least ratios to those that took part', () => {
  const goals = { value: 10_000, times: { PyTorch: 3, ConvNetJS: 200 } }
  const rows = [
    row('reached', { Quern: 12_000, PyTorch: 4000 }, { goals }),
    row('missed', { Quern: 9000, PyTorch: 4000 }, { goals }),
    row('alone', { Quern: 9000 }, { goals: { times: { PyTorch: 3 } } }),
    row('without', { Quern: 9000, PyTorch: 4000 }),
  ]
  const [, titles, , ...lines] = shown(rows)
  expect(titles).toBe('Table Quern goal PyTorch goal')
  expect(lines).toEqual([
    'reached green:12,000 dim:10,000 4,000 green:3.00× dim:3.00×',
    'missed red:9,000 dim:10,000 4,000 red:2.25× dim:3.00×',
    'alone 9,000 dim:–',
    'without 9,000 4,000 green:2.25×',
  ])
})

test('where a smaller value is better, so is the goal', () => {
  const rows = [
    row('reached', { Quern: 90, PyTorch: 100 }, { goals: { value: 95, times: { PyTorch: 1 } } }),
    row('missed', { Quern: 110, PyTorch: 100 }, { goals: { value: 95, times: { PyTorch: 1 } } }),
  ]
  expect(shown(rows, { smaller: true }).slice(3)).toEqual([
    'reached green:90.0 dim:95.0 100 green:1.11× dim:1.00×',
    'missed red:110 dim:95.0 100 red:0.91× dim:1.00×',
  ])
})

test('a row that two tables show has the goals of what stands beside it there', () => {
  const goalsOf = (plans: typeof peerPlans, name: string) => plans.find((plan) => plan.name === name)?.goals
  expect(goalsOf(peerPlans, 'MNIST-CNN, batch 64')?.times).toEqual({ PyTorch: 3, ConvNetJS: 200, 'pure JS': 300 })
  expect(goalsOf(peerPlans, 'sgemm 1024 nn')).toBeUndefined()
  expect(goalsOf(scalingPlans, 'ResNet-18 at 224, batch 16')).toEqual({ times: { '1 thread': 1.85 } })
  expect(goalsOf(scalingPlans, 'MNIST-CNN, batch 64')).toBeUndefined()
})
