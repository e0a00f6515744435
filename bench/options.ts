import { Command, Option } from 'commander'
import { integer, parseOrExit } from '../examples/options.js'
import { kernelPlans } from './tables/kernel-rows.js'
import { overheadPlans, startName } from './tables/overhead.js'
import { peerPlans } from './tables/peers.js'
import { trainingPlans } from './tables/training.js'

export interface Options {
  quick: boolean
  /** Tables, or parts of rows' names. */
  only: string[]
  threads?: number
  isa?: string
  json: boolean
}

export const tableNames = [
  'machine',
  'kernels',
  'training',
  'peers',
  'overhead',
  'scaling',
  'memory',
  'longevity',
] as const
export type TableName = (typeof tableNames)[number]

// Rows that --only can name, in the table that it then shows.
const rows: Partial<Record<TableName, string[]>> = {
  machine: ['avx512', 'avx2', 'baseline', 'neon', 'triad'],
  kernels: kernelPlans.map(({ name }) => name),
  training: trainingPlans.map(({ name }) => name),
  peers: peerPlans.map(({ name }) => name),
  overhead: [startName, ...overheadPlans.map(({ name }) => name)],
}

/** The tables to show, and of each which rows. */
export interface Selection {
  tables: TableName[]
  wanted: (table: TableName, row: string) => boolean
  /** Whether rows are asked for by name, so that all of them are meant. */
  named: (table: TableName) => boolean
}

/** What --only asks for; null if a word matches nothing. */
export function select(only: readonly string[]): Selection | null {
  if (only.length === 0) return { tables: [...tableNames], wanted: () => true, named: () => false }
  const names = only.filter((word) => (tableNames as readonly string[]).includes(word))
  const parts = only.filter((word) => !names.includes(word)).map((word) => word.toLowerCase())
  const matches = (row: string, part: string) => row.toLowerCase().includes(part)
  const holds = (table: TableName, part: string) => rows[table]?.some((row) => matches(row, part)) ?? false
  if (parts.some((part) => !tableNames.some((table) => holds(table, part)))) return null
  return {
    tables: tableNames.filter((table) => names.includes(table) || parts.some((part) => holds(table, part))),
    named: (table) => !names.includes(table),
    wanted: (table, row) => names.includes(table) || parts.some((part) => matches(row, part)),
  }
}

/** The options of the command line; a wrong one ends the process with one line on stderr and exit code 2. */
export function readOptions(args: readonly string[] = process.argv.slice(2)): Options {
  const command = new Command('bench')
    .description('Measures this machine, Quern on it, and every peer that is installed, side by side.')
    .option('--quick', 'a sample of the rows, within a minute', false)
    .option('--only <name...>', `tables (${tableNames.join(', ')}) or parts of rows' names`, [])
    .option('--threads <n>', 'threads of everybody (default: one per core)', integer(1, 1024))
    .addOption(
      new Option('--isa <name>', "Quern's instruction set (default: the best)").choices([
        ...['avx512', 'avx2', 'baseline', 'neon', 'reference'],
      ]),
    )
    .option('--json', 'results as JSON on stdout, nothing else', false)
  return parseOrExit<Options>(command, args)
}
