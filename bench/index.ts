// `npm run bench`: Quern beside the machine's limits and every peer that is installed; `npm run bench -- --help`.
import { mkdirSync, writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { build } from './build.js'
import { type Options, readOptions, type Selection, select, type TableName, tableNames } from './options.js'
import { endPeers } from './peer.js'
import { Peers } from './peers.js'
import { Probe } from './probe.js'
import { heading, progressLine, report } from './report.js'
import { type Context, complete, type Result, type Table } from './table.js'
import { kernels } from './tables/kernels.js'
import { longevity } from './tables/longevity.js'
import { machine } from './tables/machine.js'
import { memory } from './tables/memory.js'
import { overhead } from './tables/overhead.js'
import { peers as peerTable } from './tables/peers.js'
import { scaling } from './tables/scaling.js'
import { trainings } from './tables/training.js'

const makers: Record<TableName, (context: Context) => Promise<Table>> = {
  ...{ machine, kernels, training: trainings, peers: peerTable, overhead, scaling, memory, longevity },
}
const folder = process.env.QUERN_BENCH_RESULTS ?? fileURLToPath(new URL('results', import.meta.url))
// A quick run ends within a minute: no row is begun after the first of these seconds, and the last end it anyway.
const quick = { rows: 50, all: 55 }
// What each table takes of a quick run: in these parts they share the time.
const parts: Record<TableName, number> = {
  ...{ machine: 2, kernels: 13, training: 6, peers: 5, overhead: 4, scaling: 6, memory: 2, longevity: 2 },
}

async function main(options: Options, selection: Selection): Promise<void> {
  const start = performance.now()
  const probe = await Probe.start()
  const peers = new Peers(options.threads ?? availableParallelism(), options.isa)
  const results: Result[] = []
  const over = options.quick ? delay(1000 * quick.all, null, { ref: false }) : new Promise<null>(() => {})
  try {
    const { threads = 1, isa = '' } = (await peers.about('quern')) ?? {}
    // What Quern can use, everybody may.
    peers.threads = threads
    const common = { peers, probe, threads, isa, quick: options.quick, progress }
    for (const [i, name] of selection.tables.entries()) {
      // What is left of the time is shared by the tables that are left.
      const now = performance.now()
      const rest = start + 1000 * quick.rows - now
      const left = selection.tables.slice(i).reduce((sum, table) => sum + parts[table], 0)
      const deadline = options.quick ? now + (rest * parts[name]) / left : Number.POSITIVE_INFINITY
      const sample = options.quick && !selection.named(name)
      const context = { ...common, deadline, sample, wanted: (row: string) => selection.wanted(name, row) }
      const table = await Promise.race([makers[name](context), over])
      if (!table) {
        console.error(`bench: the minute was over before ${selection.tables.slice(i).join(', ')}`)
        break
      }
      const result = await complete({ ...table, absent: [...peers.absent.values()] }, context)
      await peers.renew()
      results.push(result)
      progress('')
      await save(result)
      if (!options.json) console.log(i === 0 ? `${heading(result)}\n${report(result)}` : report(result))
    }
  } finally {
    progress('')
    endPeers()
  }
  if (options.json) console.log(JSON.stringify(results, null, 2))
}

async function save(result: Result): Promise<void> {
  const { chartSvg } = await import('./chart.js')
  mkdirSync(folder, { recursive: true })
  writeFileSync(`${folder}/${result.name}.json`, `${JSON.stringify(result, null, 2)}\n`)
  const svg = chartSvg(result)
  if (svg) writeFileSync(`${folder}/${result.name}.svg`, svg)
}

const options = readOptions()
const progress = progressLine(options.json)
const selection = select(options.only)
if (!selection) {
  const asked = options.only.join(' ')
  console.error(`error: --only: expected ${tableNames.join(', ')} or a part of a row's name, got ${asked}`)
  process.exit(2)
}
for (const [signal, code] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const) {
  process.once(signal, () => {
    endPeers()
    process.exit(code)
  })
}
process.once('exit', endPeers)
progress('building')
if (!build()) process.exit(1)
try {
  await main(options, selection)
  // A row that the minute cut short may still be waiting.
  process.stdout.write('', () => process.exit(0))
} catch (error) {
  console.error(`bench: ${(error as Error).message}`)
  process.exit(2)
}
