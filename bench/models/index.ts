// Every model of the bench with what training it takes; peers/pytorch.py has the same table.
import { crossEntropy, mseLoss, type nn, optim, rand, randint, type Tensor } from 'quern'
import { convnetjsCifar10 } from './convnetjs-cifar10.js'
import { mlp } from './mlp.js'
import { mnistCnn } from './mnist-cnn.js'
import { mobilenetV2 } from './mobilenet-v2.js'
import { resnet18 } from './resnet18.js'
import { resnet20 } from './resnet20.js'
import { vgg16 } from './vgg16.js'

interface Model {
  make: () => nn.Module
  /** Of one input. */
  shape: number[]
  targets: (batch: number) => Tensor
  loss: (y: Tensor, targets: Tensor) => Tensor
  optimizer: (parameters: Tensor[]) => { zeroGrad(): void; step(): void }
}

const classifier = (make: () => nn.Module, shape: number[], classes: number, optimizer: Model['optimizer']): Model => ({
  ...{ make, shape, optimizer },
  targets: (batch) => randint(0, classes, [batch]) as unknown as Tensor,
  loss: (y, targets) => crossEntropy(y, targets),
})

const adamw = (parameters: Tensor[]) => new optim.AdamW(parameters)
const sgd = (parameters: Tensor[]) => new optim.SGD(parameters, { lr: 0.01, momentum: 0.9 })

const models: Record<string, Model> = {
  'mnist-cnn': classifier(mnistCnn, [1, 28, 28], 10, adamw),
  'convnetjs-cifar10': classifier(convnetjsCifar10, [3, 32, 32], 10, (p) => new optim.Adadelta(p)),
  resnet20: classifier(resnet20, [3, 32, 32], 10, sgd),
  resnet18: classifier(resnet18, [3, 224, 224], 1000, sgd),
  'mobilenet-v2': classifier(mobilenetV2, [3, 224, 224], 1000, sgd),
  vgg16: classifier(vgg16, [3, 224, 224], 1000, sgd),
  mlp: {
    make: mlp,
    shape: [2],
    targets: (batch) => rand([batch, 1]),
    loss: (y, targets) => mseLoss(y, targets),
    optimizer: (parameters) => new optim.Adam(parameters),
  },
}

export function modelOf(name: string): Model {
  const model = models[name]
  if (model) return model
  throw new Error(`expected one of ${Object.keys(models).join(', ')}, got ${name}`)
}
