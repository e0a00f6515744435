import { csvLine } from './csv.js'

/** One step of training: its loss and metrics; the last step of an epoch also has val_loss and so on. */
export interface HistoryRow {
  epoch: number
  /** Counted from the beginning of training, from 1. */
  step: number
  [column: string]: number
}

/** What training measured, one row per step. */
export class History {
  readonly rows: HistoryRow[] = []

  /** Adds a row; what comes for the step of the last row is added to that row. */
  add(row: HistoryRow): void {
    const last = this.rows.at(-1)
    if (last && last.epoch === row.epoch && last.step === row.step) Object.assign(last, row)
    else this.rows.push({ ...row })
  }

  /** The names in the rows, in order of appearance, those of validation last. */
  columns(): string[] {
    const names = new Set(['epoch', 'step'])
    for (const row of this.rows) for (const name of Object.keys(row)) names.add(name)
    const all = [...names]
    return [...all.filter((name) => !isValidation(name)), ...all.filter(isValidation)]
  }

  /** The values of one column, from the rows that have it. */
  column(name: string): number[] {
    return this.rows.flatMap((row) => row[name] ?? [])
  }

  /** One row per epoch: the mean over its steps of each figure of training, and what validation gave. */
  epochs(): HistoryRow[] {
    return [...groupByEpoch(this.rows)].map(([epoch, rows]) => {
      const steps = new History()
      steps.rows.push(...rows)
      const figures = steps.columns().filter((name) => name !== 'epoch' && name !== 'step')
      const means = figures.map((name) => [name, mean(steps.column(name))] as const)
      return { epoch, step: (rows.at(-1) as HistoryRow).step, ...Object.fromEntries(means) }
    })
  }

  /** The rows as CSV with a header, every number exact, nothing where a row lacks a column. */
  toCsv(): string {
    const columns = this.columns()
    return [csvLine(columns), ...this.rows.map((row) => csvLine(columns.map((name) => row[name])))].join('')
  }
}

const isValidation = (name: string): boolean => name.startsWith('val_')

const mean = (values: readonly number[]): number => values.reduce((sum, v) => sum + v, 0) / values.length

function groupByEpoch(rows: readonly HistoryRow[]): Map<number, HistoryRow[]> {
  const groups = new Map<number, HistoryRow[]>()
  for (const row of rows) {
    const group = groups.get(row.epoch)
    if (group) group.push(row)
    else groups.set(row.epoch, [row])
  }
  return groups
}
