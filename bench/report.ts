// Tables for the terminal.
import { styleText } from 'node:util'
import type { Result, Row } from './table.js'

type Style = Parameters<typeof styleText>[0]

const colour = (style: Style, text: string): string =>
  process.stdout.isTTY && !process.env.NO_COLOR ? styleText(style, text) : text

/** Three digits that count, thousands set apart. */
export function formatNumber(value: number): string {
  const digits = value < 10 ? 2 : value < 100 ? 1 : 0
  return value.toLocaleString('en-US', { minimumFractionDigits: digits, maximumFractionDigits: digits })
}

/** How many times better the subject is than another. */
export const ratio = (subject: number, other: number, smaller = false): number =>
  smaller ? other / subject : subject / other

const known = (subject: number | undefined, other: number | undefined, smaller?: boolean): number | undefined =>
  subject === undefined || other === undefined ? undefined : ratio(subject, other, smaller)

const percent = (share: number): string => `${Math.round(100 * share)} %`

interface Text {
  text: string
  style?: Style
}

/** What one run is about, in two lines. */
export function heading(result: Result): string {
  const { cpu, threads, isa, date } = result
  const machine = `${cpu}, ${threads} thread${threads === 1 ? '' : 's'}, ${isa}`
  return `${colour('bold', `Quern's bench · ${machine}`)}\n${colour('dim', `${date.slice(0, 16).replace('T', ' ')} UTC`)}`
}

/** A table with its rows in groups, numbers right-aligned, and what there is to say under it. */
export function report(result: Result): string {
  const { title, rows, absent, notes } = result
  const columns = measuresOf(result).flatMap((measure) => columnsOf(measure, rows))
  const lines = rows.map((row) => columns.map(({ text }) => text(row)))
  const widths = columns.map((column, i) =>
    Math.max(column.title.length, ...lines.map((line) => line[i]?.text.length ?? 0)),
  )
  const names =
    Math.max(title.length, ...rows.map(({ group, name, unit }) => Math.max(name.length, group.length + unit.length))) +
    2
  const pad = (cells: Text[]) =>
    cells.map(({ text, style }, i) => {
      const padded = text.padStart((widths[i] as number) + (columns[i]?.close ? 2 : 4))
      return style ? colour(style, padded) : padded
    })
  const titles = pad(columns.map((column) => ({ text: column.title })))
  const out = ['', colour('bold', title.padEnd(names + 2) + titles.join(''))]
  for (const [i, row] of rows.entries()) {
    const before = rows[i - 1]
    if (before?.group !== row.group || before.unit !== row.unit) out.push(colour('dim', `  ${row.group}, ${row.unit}`))
    out.push(`    ${row.name.padEnd(names - 2)}${pad(lines[i] as Text[]).join('')}`)
  }
  if (rows.length === 0) out.push('  no rows')
  const remarks = [...notes, ...absent.map(({ peer, install }) => `${peer} is absent: ${install}`)]
  return [...out, ...remarks.map((text) => colour('dim', `  ${text}`))].map((line) => line.trimEnd()).join('\n')
}

/** A number of each row, and what is asked of it. */
interface Measure {
  title: string
  /** Whether it tells of the number before it, and stands close behind that. */
  close?: boolean
  of: (row: Row) => number | undefined
  goal?: (row: Row) => number | undefined
  /** What is good where nothing is asked. */
  even?: number
  smaller?: boolean
  format: (value: number) => string
}

/** Each contestant's value; with it the subject's share of the limit, and how many times as good it is as another. */
function measuresOf({ columns, subject, smaller = false, rows }: Result): Measure[] {
  const measures = columns.flatMap((column): Measure[] => {
    const of = ({ cells }: Row) => cells[column]?.value
    const own = { title: column, of, format: formatNumber }
    if (subject === undefined) return [own]
    if (column === subject) {
      const share = (row: Row) => known(of(row), row.limit)
      return [
        { ...own, goal: ({ goals }) => goals?.value, smaller },
        { title: 'of limit', close: true, of: share, goal: ({ goals }) => goals?.share, format: percent },
      ]
    }
    const times = (row: Row) => known(row.cells[subject]?.value, of(row), smaller)
    const goal = ({ goals }: Row) => goals?.times?.[column]
    return [own, { title: '', close: true, of: times, goal, even: 1, format: (value) => `${formatNumber(value)}×` }]
  })
  return measures.filter(({ close, of }) => !close || rows.some((row) => of(row) !== undefined))
}

interface Column {
  title: string
  close: boolean
  text: (row: Row) => Text
}

/** The measure and, if any row has one, its goal. */
function columnsOf(measure: Measure, rows: readonly Row[]): Column[] {
  const { title, close = false, of, goal, even, smaller, format } = measure
  const text = (row: Row): Text => {
    const value = of(row)
    if (value === undefined) return close ? { text: '' } : { text: '–', style: 'dim' }
    const asked = goal?.(row) ?? even
    if (asked === undefined) return { text: format(value) }
    return { text: format(value), style: ratio(value, asked, smaller) >= 1 ? 'green' : 'red' }
  }
  const goalText = (row: Row): Text => {
    const least = of(row) === undefined ? undefined : goal?.(row)
    return least === undefined ? { text: '' } : { text: format(least), style: 'dim' }
  }
  const goals = rows.some((row) => goalText(row).text) ? [{ title: 'goal', close: true, text: goalText }] : []
  return [{ title, close, text }, ...goals]
}

/** Shows what is being measured on one line of a terminal's stderr, over and over; '' clears it. */
export function progressLine(quiet: boolean): (text: string) => void {
  if (quiet || !process.stderr.isTTY) return () => {}
  return (text) => {
    const line = text.slice(0, (process.stderr.columns ?? 80) - 4)
    process.stderr.write(`\r\x1b[K${line && `  ${line}…`}`)
  }
}
