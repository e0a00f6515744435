// Beside everything else that computes networks in Node, down to plain JavaScript.
import { titleOf } from '../peers.js'
import { type Context, columnsOf, compare, type Plan, type Table } from '../table.js'
import { kernelPlans } from './kernel-rows.js'
import { trainingPlans } from './training.js'

const inference = (title: string, model: string, batch: number, quick = false): Plan => ({
  ...{ group: 'inference', name: `${title} inference, batch ${batch}`, unit: 'images/s' },
  ...{ work: { op: 'infer', model, batch }, amount: batch, quick },
})

const kernels = ['sgemm 256 nn', 'sgemm 1024 nn', 'conv 64×32×32 64→64 3×3 forward']
const networks = ['mnist-cnn', 'convnetjs-cifar10', 'mlp']

export const peerPlans: Plan[] = [
  ...kernelPlans
    .filter(({ name }) => kernels.includes(name))
    .map(({ goals: _, limit: __, ...plan }) => ({ ...plan, quick: false })),
  // Of a quick run, the training table has the others' rows.
  ...trainingPlans
    .filter(({ work }) => work.op === 'train' && networks.includes(work.model))
    .map((plan) => ({ ...plan, quick: plan.name.startsWith('MNIST') })),
  inference('MNIST-CNN', 'mnist-cnn', 64, true),
  inference('ResNet-18 at 224', 'resnet18', 16),
  inference('MobileNetV2 at 224', 'mobilenet-v2', 16),
]

const all = ['quern', 'pytorch', 'onnxruntime', 'onnxruntimeWeb', 'tfjsWasm', 'tfjs', 'convnetjs', 'baseline'] as const

export async function peers(context: Context): Promise<Table> {
  const budget = context.quick ? { rounds: 2, chunk: 0.04 } : { rounds: 5, chunk: 0.3 }
  const { rows, notes } = await compare(context, peerPlans, all, budget)
  return {
    ...{ name: 'peers', title: 'Peers', columns: columnsOf(rows, all.map(titleOf)), subject: titleOf('quern') },
    ...{ rows, notes, absent: [] },
  }
}
