// Residual networks of basic blocks (He et al. 2015): ResNet-20 for CIFAR, ResNet-18 for ImageNet.
import { add, nn, relu, type Tensor } from 'quern'

export const conv = (inputs: number, outputs: number, kernel: number, stride = 1) =>
  new nn.Conv2d(inputs, outputs, kernel, { stride, padding: (kernel - 1) / 2, bias: false })

class BasicBlock extends nn.Module {
  readonly body: nn.Sequential
  readonly shortcut: nn.Module

  constructor(inputs: number, outputs: number, stride: number) {
    super()
    this.body = new nn.Sequential(
      ...[conv(inputs, outputs, 3, stride), new nn.BatchNorm2d(outputs), new nn.ReLU()],
      ...[conv(outputs, outputs, 3), new nn.BatchNorm2d(outputs)],
    )
    this.shortcut =
      stride === 1 && inputs === outputs
        ? new nn.Identity()
        : new nn.Sequential(conv(inputs, outputs, 1, stride), new nn.BatchNorm2d(outputs))
  }

  forward(x: Tensor): Tensor {
    return relu(add(this.body.forward(x) as Tensor, this.shortcut.forward(x) as Tensor))
  }
}

/** The stem's layers, stages of `blocks` blocks of each width, global average, classifier. */
export function resnet(stem: nn.Module[], widths: number[], blocks: number, classes: number): nn.Sequential {
  const layers = [...stem]
  let inputs = widths[0] as number
  for (const [stage, width] of widths.entries()) {
    for (let i = 0; i < blocks; i++) {
      layers.push(new BasicBlock(inputs, width, stage > 0 && i === 0 ? 2 : 1))
      inputs = width
    }
  }
  layers.push(new nn.AdaptiveAvgPool2d(1), new nn.Flatten(), new nn.Linear(inputs, classes))
  return new nn.Sequential(...layers)
}
