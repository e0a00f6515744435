// What a long loop without a dispose call does to memory and to the event loop.
import { contestantsOf } from '../peers.js'
import type { Context, Row, Table } from '../table.js'
import type { Work } from '../work.js'

const columns = ['resident', 'tensors', 'reserved', 'event loop late by, ms']
const kinds: [string, Work][] = [
  ['training', { op: 'train', model: 'mnist-cnn', batch: 64, awaited: true }],
  ['inference', { op: 'infer', model: 'mnist-cnn', batch: 64 }],
]

export async function longevity(context: Context): Promise<Table> {
  const chunks = 10
  const steps = context.quick ? 10 : Number(process.env.STEPS ?? 5000) / chunks
  const rows: Row[] = []
  const notes: string[] = []
  for (const [kind, work] of kinds) {
    if (!context.wanted(kind)) continue
    const opened = await context.peers.fresh('quern')
    if (!opened) continue
    const [contestant] = await contestantsOf(opened.peer, work, kind)
    const resident: number[] = []
    for (let i = 1; i <= chunks; i++) {
      context.progress(`longevity, ${kind}: step ${i * steps}`)
      await contestant?.run(steps)
      const { rss, live, reserved, delay } = (await opened.peer.ask({ memory: true })) as Record<string, number>
      const megabytes = [rss, live, reserved].map((bytes = 0) => bytes / 1e6)
      resident.push(megabytes[0] as number)
      const cells = Object.fromEntries(
        columns.map((column, k) => [column, { value: [...megabytes, delay ?? 0][k] ?? 0 }]),
      )
      rows.push({ group: `MNIST-CNN, batch 64, ${kind}`, name: `step ${i * steps}`, unit: 'MB', cells })
    }
    const growth = (resident.at(-1) as number) - (resident[0] as number)
    notes.push(`${kind}: the process grew by ${growth.toFixed(1)} MB after step ${steps}`)
    await opened.peer.close()
  }
  return { name: 'longevity', title: 'Longevity', columns, rows, absent: [], notes }
}
