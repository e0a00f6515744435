// VGG-16 for ImageNet (Simonyan and Zisserman 2014).
import { nn } from 'quern'

const stages = [
  [64, 64],
  [128, 128],
  [256, 256, 256],
  [512, 512, 512],
  [512, 512, 512],
]

export function vgg16() {
  const layers: nn.Module[] = []
  let inputs = 3
  for (const stage of stages) {
    for (const outputs of stage) {
      layers.push(new nn.Conv2d(inputs, outputs, 3, { padding: 1 }), new nn.ReLU())
      inputs = outputs
    }
    layers.push(new nn.MaxPool2d(2))
  }
  return new nn.Sequential(
    ...[...layers, new nn.Flatten()],
    ...[new nn.Linear(512 * 7 * 7, 4096), new nn.ReLU(), new nn.Dropout()],
    ...[new nn.Linear(4096, 4096), new nn.ReLU(), new nn.Dropout(), new nn.Linear(4096, 1000)],
  )
}
