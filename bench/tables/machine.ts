// What this machine can do at most: the measure of everything else.
import { interleave } from '../harness.js'
import { type Context, cellsOf, type Row, type Table } from '../table.js'

const plural = (threads: number) => `${threads} thread${threads === 1 ? '' : 's'}`

export async function machine(context: Context): Promise<Table> {
  const { probe, quick } = context
  const counts = context.threads === 1 ? [1] : [1, context.threads]
  const columns = counts.map(plural)
  const measures = [
    ...probe.isas.map((isa) => ({ name: isa, kind: 'peak' as const, isa })),
    { name: 'triad', kind: 'stream' as const, isa: '' },
  ]
  const wanted = measures.filter(({ name }) => context.wanted(name))
  const limits = await Promise.all(
    wanted.flatMap(({ kind, isa }) => counts.map((threads) => probe.limit(kind, isa, threads))),
  )
  context.progress('peak and bandwidth')
  const timings = await interleave(
    limits.map((limit) => limit.contestant),
    quick ? { rounds: 3, chunk: 0.03 } : { rounds: 9, chunk: 0.1 },
  )
  const rows = wanted.map(({ name, kind }, i): Row => {
    const unit = kind === 'peak' ? 'GFLOP/s' : 'GB/s'
    const cells: Row['cells'] = {}
    for (const [j, column] of columns.entries()) {
      const limit = limits[i * counts.length + j]
      const timing = timings.find(({ contestant }) => contestant === limit?.contestant)
      if (limit && timing)
        Object.assign(cells, { [column]: Object.values(cellsOf([timing], { amount: limit.work, unit }))[0] })
    }
    return { group: kind === 'peak' ? 'multiply-adds' : 'memory, two reads and a write', name, unit, cells }
  })
  return { name: 'machine', title: 'Machine', columns, rows, absent: [], notes: [] }
}
