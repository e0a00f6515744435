import { nn } from 'quern'
import { conv, resnet } from './resnet.js'

export const resnet20 = () => resnet([conv(3, 16, 3), new nn.BatchNorm2d(16), new nn.ReLU()], [16, 32, 64], 3, 10)
