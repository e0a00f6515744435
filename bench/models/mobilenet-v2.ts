// MobileNetV2 for ImageNet (Sandler et al. 2018).
import { add, nn, type Tensor } from 'quern'

function convNorm(inputs: number, outputs: number, kernel: number, stride = 1, groups = 1): nn.Module[] {
  const options = { stride, padding: (kernel - 1) / 2, groups, bias: false }
  return [new nn.Conv2d(inputs, outputs, kernel, options), new nn.BatchNorm2d(outputs)]
}

/** Widens by `expansion`, convolves every channel by itself, narrows again. */
class InvertedResidual extends nn.Module {
  readonly body: nn.Sequential
  readonly residual: boolean

  constructor(inputs: number, outputs: number, stride: number, expansion: number) {
    super()
    const width = inputs * expansion
    this.residual = stride === 1 && inputs === outputs
    this.body = new nn.Sequential(
      ...(expansion === 1 ? [] : [...convNorm(inputs, width, 1), new nn.ReLU6()]),
      ...[...convNorm(width, width, 3, stride, width), new nn.ReLU6()],
      ...convNorm(width, outputs, 1),
    )
  }

  forward(x: Tensor): Tensor {
    const y = this.body.forward(x) as Tensor
    return this.residual ? add(x, y) : y
  }
}

// Expansion, channels, blocks, stride of the first.
const stages = [
  [1, 16, 1, 1],
  [6, 24, 2, 2],
  [6, 32, 3, 2],
  [6, 64, 4, 2],
  [6, 96, 3, 1],
  [6, 160, 3, 2],
  [6, 320, 1, 1],
] as const

export function mobilenetV2() {
  const layers = [...convNorm(3, 32, 3, 2), new nn.ReLU6()]
  let inputs = 32
  for (const [expansion, channels, blocks, stride] of stages) {
    for (let i = 0; i < blocks; i++) {
      layers.push(new InvertedResidual(inputs, channels, i === 0 ? stride : 1, expansion))
      inputs = channels
    }
  }
  return new nn.Sequential(
    ...layers,
    ...[...convNorm(inputs, 1280, 1), new nn.ReLU6(), new nn.AdaptiveAvgPool2d(1), new nn.Flatten()],
    ...[new nn.Dropout(0.2), new nn.Linear(1280, 1000)],
  )
}
