// From one thread to all: the same work by two processes of Quern's, in turn.
import { interleave } from '../harness.js'
import { type Context, cellsOf, columnsOf, inTime, type Plan, type Row, type Table } from '../table.js'
import { kernelPlans } from './kernel-rows.js'
import { trainingPlans } from './training.js'

const names = ['sgemm 1024 nn', 'conv 64×32×32 64→64', 'conv 16×14×14 256→256', 'AdamW']

export const scalingPlans: Plan[] = [
  ...kernelPlans.filter(({ name }) => names.some((start) => name.startsWith(start))),
  ...trainingPlans.filter(({ name }) => /ResNet-18|MNIST/.test(name)),
].map(({ goals: _, ...plan }) =>
  plan.name.startsWith('ResNet-18') ? { ...plan, goals: { times: { '1 thread': 1.85 } } } : plan,
)

export async function scaling(context: Context): Promise<Table> {
  const counts = [1, ...[2, 4, 8, 16, 32, 64].filter((n) => n < context.threads), context.threads]
  const threads = [...new Set(counts)]
  const title = (n: number) => `${n} thread${n === 1 ? '' : 's'}`
  const budget = context.quick ? { rounds: 3, chunk: 0.02 } : { rounds: 7, chunk: 0.5 }
  const rows: Row[] = []
  const notes: string[] = []
  for (const { group, name, unit, work, amount, goals } of inTime(context, scalingPlans, notes)) {
    const contestants = await Promise.all(threads.map((n) => context.peers.contestants('quern', work, n, title(n))))
    const timings = await interleave(contestants.flat(), budget)
    // The goals are those of two threads.
    const asked = goals && context.threads === 2 ? { goals } : {}
    rows.push({ group, name, unit, cells: cellsOf(timings, { amount, unit }), ...asked })
  }
  const columns = columnsOf(rows, threads.map(title))
  const subject = threads.length > 1 ? { subject: title(context.threads) } : {}
  return { name: 'scaling', title: 'Scaling over threads', columns, ...subject, rows, absent: [], notes }
}
