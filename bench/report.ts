// Tables for the terminal.
import { styleText } from 'node:util'
import type { Cell, Result, Row } from './table.js'

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
  const columns = columnTitles(result)
  const lines = rows.map((row) => cellsOf(result, row))
  const widths = columns.map((column, i) => Math.max(column.length, ...lines.map((line) => line[i]?.text.length ?? 0)))
  const names =
    Math.max(title.length, ...rows.map(({ group, name, unit }) => Math.max(name.length, group.length + unit.length))) +
    2
  const pad = (cells: Text[]) =>
    cells.map(({ text, style }, i) => {
      // Ratios and shares stand close behind the number they belong to.
      const padded = text.padStart((widths[i] as number) + (isRelative(columns[i] as string) ? 2 : 4))
      return style ? colour(style, padded) : padded
    })
  const header = colour(
    'bold',
    title.padEnd(names + 2) + pad(columns.map((text) => ({ text: text === '×' ? '' : text }))).join(''),
  )
  const out = ['', header]
  for (const [i, row] of rows.entries()) {
    const before = rows[i - 1]
    if (before?.group !== row.group || before.unit !== row.unit) out.push(colour('dim', `  ${row.group}, ${row.unit}`))
    out.push(`    ${row.name.padEnd(names - 2)}${pad(lines[i] as Text[]).join('')}`)
  }
  if (rows.length === 0) out.push('  no rows')
  const remarks = [...notes, ...absent.map(({ peer, install }) => `${peer} is absent: ${install}`)]
  return [...out, ...remarks.map((text) => colour('dim', `  ${text}`))].map((line) => line.trimEnd()).join('\n')
}

const isRelative = (column: string): boolean => column === '×' || column === 'of limit'

function columnTitles({ columns, subject, rows }: Result): string[] {
  const limited = rows.some(({ limit }) => limit !== undefined)
  return columns.flatMap((column) => {
    if (column === subject && limited) return [column, 'of limit', 'goal']
    return subject === undefined || column === subject ? [column] : [column, '×']
  })
}

function cellsOf(result: Result, row: Row): Text[] {
  const { columns, subject, smaller, rows } = result
  const limited = rows.some(({ limit }) => limit !== undefined)
  const ours = subject === undefined ? undefined : row.cells[subject]
  return columns.flatMap((column): Text[] => {
    const cell = row.cells[column]
    if (column === subject) return [value(cell), ...(limited ? limits(row, cell) : [])]
    return subject === undefined ? [value(cell)] : [value(cell), times(ours, cell, smaller)]
  })
}

const value = (cell: Cell | undefined): Text =>
  cell ? { text: formatNumber(cell.value) } : { text: '–', style: 'dim' }

function limits({ limit, goal }: Row, cell: Cell | undefined): Text[] {
  if (!limit || !cell) return [{ text: '' }, { text: '' }]
  const share = cell.value / limit
  if (goal === undefined) return [{ text: percent(share) }, { text: '' }]
  return [
    { text: percent(share), style: share >= goal ? 'green' : 'red' },
    { text: percent(goal), style: 'dim' },
  ]
}

function times(ours: Cell | undefined, theirs: Cell | undefined, smaller?: boolean): Text {
  if (!ours || !theirs) return { text: '' }
  const factor = ratio(ours.value, theirs.value, smaller)
  return { text: `${formatNumber(factor)}×`, style: factor >= 1 ? 'green' : 'red' }
}

/** Shows what is being measured on one line of a terminal's stderr, over and over; '' clears it. */
export function progressLine(quiet: boolean): (text: string) => void {
  if (quiet || !process.stderr.isTTY) return () => {}
  return (text) => {
    const line = text.slice(0, (process.stderr.columns ?? 80) - 4)
    process.stderr.write(`\r\x1b[K${line && `  ${line}…`}`)
  }
}
