// Training steps of whole models: forward, backward, optimiser.
import { titleOf } from '../peers.js'
import { type Context, columnsOf, compare, type Goals, type Plan, type Table } from '../table.js'

interface Extra {
  goals?: Goals
  quick?: boolean
}

const training = (title: string, model: string, batch: number, optimizer: string, extra: Extra): Plan => ({
  ...{
    group: 'a step of training',
    name: `${title}, batch ${batch}`,
    unit: model === 'mlp' ? 'steps/s' : 'images/s',
    ...extra,
  },
  ...{ work: { op: 'train', model, batch }, amount: model === 'mlp' ? 1 : batch, note: optimizer },
})

export const trainingPlans: Plan[] = [
  training('MNIST-CNN', 'mnist-cnn', 64, 'AdamW', {
    goals: { value: 10_000, times: { PyTorch: 3, ConvNetJS: 200, 'pure JS': 300 } },
    quick: true,
  }),
  training("ConvNetJS's CIFAR-10 demo", 'convnetjs-cifar10', 4, 'Adadelta', { quick: true }),
  training('ResNet-20', 'resnet20', 128, 'SGD, momentum', { goals: { times: { PyTorch: 2 } } }),
  training('ResNet-18 at 224', 'resnet18', 16, 'SGD, momentum', { goals: { times: { PyTorch: 1.5 } } }),
  training('MobileNetV2 at 224', 'mobilenet-v2', 16, 'SGD, momentum', { goals: { times: { PyTorch: 2.2 } } }),
  training('VGG-16 at 224', 'vgg16', 4, 'SGD, momentum', { goals: { times: { PyTorch: 1.7 } } }),
  training('MLP 2-16-1', 'mlp', 4, 'Adam', { goals: { value: 20_000, times: { PyTorch: 3 } }, quick: true }),
]

const peers = ['quern', 'pytorch', 'convnetjs'] as const

export async function trainings(context: Context): Promise<Table> {
  const budget = context.quick ? { rounds: 3, chunk: 0.05 } : { rounds: 7, chunk: 0.5 }
  const { rows, notes } = await compare(context, trainingPlans, peers, budget)
  return {
    ...{ name: 'training', title: 'Training', columns: columnsOf(rows, peers.map(titleOf)), subject: titleOf('quern') },
    ...{ rows, notes, absent: [] },
  }
}
