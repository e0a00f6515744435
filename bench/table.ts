// What a table of the bench is, and how rows that compare contestants are measured.
import { cpus } from 'node:os'
import { type Budget, type Contestant, interleave, type Timing } from './harness.js'
import type { Absent, PeerName, Peers } from './peers.js'
import type { Probe } from './probe.js'
import type { Work } from './work.js'

export type Unit = 'GFLOP/s' | 'GB/s' | 'images/s' | 'steps/s' | 'MB' | 'ms' | 'µs' | '×'

export interface Cell {
  value: number
  /** The variant that was fastest. */
  variant?: string
  /** Of each round, in the row's unit. */
  samples?: number[]
}

/** What is asked for at least. */
export interface Goals {
  /** Of the limit. */
  share?: number
  /** In the row's unit; at most, where a smaller value is the better one. */
  value?: number
  /** How many times as good as others, by their columns. */
  times?: Record<string, number>
}

export interface Row {
  group: string
  name: string
  unit: Unit
  cells: Record<string, Cell | undefined>
  /** What the machine could do at most, measured in the same rounds. */
  limit?: number
  goals?: Goals
  /** What the amount of work is, where the name does not say it. */
  note?: string
}

export interface Table {
  name: string
  title: string
  columns: string[]
  /** The column that is set against the others. */
  subject?: string
  /** Whether a smaller value is the better one. */
  smaller?: boolean
  rows: Row[]
  absent: Absent[]
  notes: string[]
}

export interface Result extends Table {
  date: string
  cpu: string
  threads: number
  isa: string
  versions: Record<string, string>
}

/** What every table is given. */
export interface Context {
  peers: Peers
  probe: Probe
  threads: number
  /** That Quern runs on. */
  isa: string
  quick: boolean
  /** Whether only the plans that are marked quick are meant. */
  sample: boolean
  /** Milliseconds of performance.now() at which no further row is begun. */
  deadline: number
  /** Of a row's name: whether it is wanted. */
  wanted: (name: string) => boolean
  /** Says what is being measured. */
  progress: (text: string) => void
}

/** A row to measure: `amount` in FLOP, bytes, images or steps per run. */
export interface Plan {
  group: string
  name: string
  unit: Unit
  work: Work
  amount: number
  limit?: 'peak' | 'stream'
  goals?: Goals
  note?: string
  quick?: boolean
}

const perUnit: Partial<Record<Unit, number>> = { 'GFLOP/s': 1e9, 'GB/s': 1e9 }

/** The plans that these options ask for. */
export const chosen = (plans: readonly Plan[], { sample, wanted }: Pick<Context, 'sample' | 'wanted'>): Plan[] =>
  plans.filter((plan) => wanted(plan.name) && (!sample || plan.quick))

/** The chosen plans, one after another until the time is over; a note says how many were left then. */
export function* inTime(context: Context, plans: readonly Plan[], notes: string[]): Generator<Plan> {
  const selected = chosen(plans, context)
  for (const [i, plan] of selected.entries()) {
    if (performance.now() > context.deadline) {
      notes.push(`The time was over before ${selected.length - i} more of ${selected.length} rows.`)
      return
    }
    context.progress(`${plan.group} ${plan.name}`)
    yield plan
  }
}

/** Measures each plan with every peer that can do it, and the limit beside them. */
export async function compare(
  context: Context,
  plans: readonly Plan[],
  peers: readonly PeerName[],
  budget: Budget,
): Promise<{ rows: Row[]; notes: string[] }> {
  const rows: Row[] = []
  const notes: string[] = []
  for (const plan of inTime(context, plans, notes)) {
    rows.push(await measureRow(context, plan, peers, budget, notes))
  }
  return { rows, notes }
}

async function measureRow(
  context: Context,
  plan: Plan,
  peers: readonly PeerName[],
  budget: Budget,
  notes: string[],
): Promise<Row> {
  const contestants: Contestant[] = []
  for (const peer of peers) {
    try {
      contestants.push(...(await context.peers.contestants(peer, plan.work)))
    } catch (error) {
      notes.push(`${plan.name}: ${peer} left: ${(error as Error).message}`)
    }
  }
  const limit = plan.limit && (await context.probe.limit(plan.limit, context.isa, context.threads))
  const all = limit ? [limit.contestant, ...contestants] : contestants
  const timings = await interleave(all, budget, ({ name }, reason) =>
    notes.push(`${plan.name}: ${name} left: ${reason}`),
  )
  const first = limit && timings.find(({ contestant }) => contestant === limit.contestant)
  const { group, name, unit, goals, note } = plan
  return {
    ...{ group, name, unit, cells: cellsOf(timings, plan) },
    ...(first && limit ? { limit: limit.work / first.seconds / 1e9 } : {}),
    ...(goals ? { goals } : {}),
    ...(note === undefined ? {} : { note }),
  }
}

/** The fastest variant of each contestant, in the plan's unit. */
export function cellsOf(timings: readonly Timing[], { amount, unit }: Pick<Plan, 'amount' | 'unit'>): Row['cells'] {
  const cells: Row['cells'] = {}
  for (const { contestant, seconds, samples } of timings) {
    const rate = (s: number) => ((contestant.scale ?? 1) * amount) / s / (perUnit[unit] ?? 1)
    const before = cells[contestant.name]
    if (before && before.value >= rate(seconds)) continue
    const variant = contestant.variant ? { variant: contestant.variant } : {}
    cells[contestant.name] = { value: rate(seconds), ...variant, samples: samples.map(rate) }
  }
  return cells
}

/** The columns that any row has a value in, in this order. */
export const columnsOf = (rows: readonly Row[], order: readonly string[]): string[] =>
  order.filter((column) => rows.some((row) => row.cells[column]))

export async function complete(table: Table, context: Context): Promise<Result> {
  return {
    ...table,
    date: new Date().toISOString(),
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    threads: context.threads,
    isa: context.isa,
    versions: { Node: process.version, ...(await context.peers.versions()) },
  }
}
