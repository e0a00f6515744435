// The most memory that a fresh process holds while it trains.
import { contestantsOf, type PeerName, titleOf } from '../peers.js'
import { type Context, columnsOf, type Goals, type Row, type Table } from '../table.js'
import type { Work } from '../work.js'

const models: { name: string; model: string; batch: number; goals?: Goals }[] = [
  { name: 'ResNet-18 at 224, batch 16', model: 'resnet18', batch: 16, goals: { times: { PyTorch: 1 } } },
  { name: 'MNIST-CNN, batch 64', model: 'mnist-cnn', batch: 64 },
]
const peers = ['quern', 'pytorch'] as const
const layouts: Record<(typeof peers)[number], string[]> = { quern: [''], pytorch: ['NCHW', 'channels last'] }

/** Bytes; null where the peer is absent. */
async function peakOf(context: Context, name: PeerName, work: Work, steps: number): Promise<number | null> {
  const opened = await context.peers.fresh(name)
  if (!opened) return null
  try {
    const [contestant] = await contestantsOf(opened.peer, work, name)
    await contestant?.run(steps)
    return (await opened.peer.ask({ memory: true })).peak as number
  } finally {
    await opened.peer.close()
  }
}

export async function memory(context: Context): Promise<Table> {
  const rows: Row[] = []
  for (const { name, model, batch, goals } of models) {
    if (!context.wanted(name) || (context.quick && model === 'resnet18')) continue
    const cells: Row['cells'] = {}
    for (const peer of peers) {
      for (const layout of context.quick ? layouts[peer].slice(0, 1) : layouts[peer]) {
        context.progress(`memory, ${name}: ${titleOf(peer)}`)
        const work = { op: 'train' as const, model, batch, ...(layout ? { layout } : {}) }
        const peak = await peakOf(context, peer, work, context.quick ? 2 : 5)
        const value = peak === null ? Number.POSITIVE_INFINITY : peak / 1e6
        if (value < (cells[titleOf(peer)]?.value ?? Number.POSITIVE_INFINITY)) {
          cells[titleOf(peer)] = { value, ...(layout ? { variant: layout } : {}) }
        }
      }
    }
    rows.push({ group: 'peak of a process that trains', name, unit: 'MB', cells, ...(goals ? { goals } : {}) })
  }
  const columns = columnsOf(rows, peers.map(titleOf))
  const common = { columns, subject: titleOf('quern'), smaller: true, absent: [], notes: [] }
  return { name: 'memory', title: 'Memory', ...common, rows }
}
