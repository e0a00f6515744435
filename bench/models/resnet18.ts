import { nn } from 'quern'
import { conv, resnet } from './resnet.js'

export function resnet18() {
  const pool = new nn.MaxPool2d(3, { stride: 2, padding: 1 })
  const stem = [conv(3, 64, 7, 2), new nn.BatchNorm2d(64), new nn.ReLU(), pool]
  return resnet(stem, [64, 128, 256, 512], 2, 1000)
}
