// Every kernel as a share of what the machine could do, and beside the peers.
import { titleOf } from '../peers.js'
import { type Context, columnsOf, compare, type Table } from '../table.js'
import { kernelPlans } from './kernel-rows.js'

const peers = ['quern', 'pytorch', 'onnxruntime'] as const

export async function kernels(context: Context): Promise<Table> {
  const budget = context.quick ? { rounds: 5, chunk: 0.01 } : { rounds: 7, chunk: 0.05 }
  const { rows, notes } = await compare(context, kernelPlans, peers, budget)
  return {
    ...{ name: 'kernels', title: 'Kernels', columns: columnsOf(rows, peers.map(titleOf)), subject: titleOf('quern') },
    ...{ rows, notes, absent: [] },
  }
}
