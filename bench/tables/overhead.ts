// What is spent beside the arithmetic: on starting, and on each command.
import { median } from '../harness.js'
import { contestantsOf, type PeerName, titleOf } from '../peers.js'
import { type Context, columnsOf, compare, type Plan, type Row, type Table } from '../table.js'

const addition = (name: string, encode: boolean, recorded: boolean): Plan => ({
  ...{ group: 'one addition of 4 elements', name, unit: 'µs', quick: true },
  ...{ work: { op: 'additions', encode, recorded }, amount: 1 },
})

export const overheadPlans = [
  addition('encoded', true, false),
  addition('encoded, on the tape', true, true),
  addition('encoded and computed', false, false),
  addition('encoded and computed, on the tape', false, true),
]

export const startName = 'start to first step, MNIST-CNN'
const peers = ['quern', 'pytorch'] as const

// From the start of the process: load, make the model, one step of training, awaited.
async function startUp(context: Context, name: PeerName): Promise<number | null> {
  const start = performance.now()
  const opened = await context.peers.fresh(name)
  if (!opened) return null
  const work = { op: 'train', model: 'mnist-cnn', batch: 64, awaited: true, layout: 'NCHW' } as const
  const [contestant] = await contestantsOf(opened.peer, work, name)
  await contestant?.run(1)
  const milliseconds = performance.now() - start
  await opened.peer.close()
  return milliseconds
}

async function startRow(context: Context): Promise<Row> {
  const samples = new Map<PeerName, number[]>()
  for (let round = 0; round < (context.quick ? 1 : 5); round++) {
    for (const peer of peers) {
      context.progress(`${startName}: ${titleOf(peer)}`)
      const milliseconds = await startUp(context, peer)
      if (milliseconds !== null) samples.set(peer, [...(samples.get(peer) ?? []), milliseconds])
    }
  }
  const cells = Object.fromEntries([...samples].map(([p, s]) => [titleOf(p), { value: median(s), samples: s }]))
  return { group: 'a fresh process', name: startName, unit: 'ms', cells }
}

/** Microseconds per run, of a row measured in runs per second. */
const inverted = (row: Row): Row => ({
  ...row,
  cells: Object.fromEntries(
    Object.entries(row.cells).map(([column, cell]) => [
      column,
      cell && { ...cell, value: 1e6 / cell.value, samples: (cell.samples ?? []).map((v) => 1e6 / v) },
    ]),
  ),
})

export async function overhead(context: Context): Promise<Table> {
  const budget = context.quick ? { rounds: 3, chunk: 0.03 } : { rounds: 7, chunk: 0.2 }
  const start = context.wanted(startName) ? [await startRow(context)] : []
  const { rows, notes } = await compare(context, overheadPlans, peers, budget)
  const all = [...start, ...rows.map(inverted)]
  const common = { columns: columnsOf(all, peers.map(titleOf)), subject: titleOf('quern'), smaller: true, absent: [] }
  return { name: 'overhead', title: 'Overhead', ...common, rows: all, notes }
}
