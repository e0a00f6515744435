// The network of ConvNetJS's CIFAR-10 demo.
import { nn } from 'quern'

const stage = (inputs: number, outputs: number) => [
  new nn.Conv2d(inputs, outputs, 5, { padding: 2 }),
  new nn.ReLU(),
  new nn.MaxPool2d(2),
]

export const convnetjsCifar10 = () =>
  new nn.Sequential(
    ...stage(3, 16),
    ...stage(16, 20),
    ...stage(20, 20),
    new nn.Flatten(),
    new nn.Linear(20 * 4 * 4, 10),
  )
