// Checked by `npm run types`: for every class of nn and optim a use that compiles and then one that must not. One without an
// entry is an error too. Nothing here runs.
import { nn, optim, type Tensor } from 'quern'
import { type Constructions, whole, x } from './values.js'

const sgd = new optim.SGD([x])

export const layers: Constructions<typeof nn> = {
  AdaptiveAvgPool1d: () => [
    new nn.AdaptiveAvgPool1d(2),
    // @ts-expect-error
    new nn.AdaptiveAvgPool1d([2, 2]),
  ],
  AdaptiveAvgPool2d: () => [
    new nn.AdaptiveAvgPool2d([null, 2]),
    // @ts-expect-error
    new nn.AdaptiveAvgPool2d(),
  ],
  AdaptiveMaxPool1d: () => [
    new nn.AdaptiveMaxPool1d(2, { returnIndices: true }).forward(x)[1].oneHot(2),
    // @ts-expect-error
    new nn.AdaptiveMaxPool1d(2).forward(x)[1],
  ],
  AdaptiveMaxPool2d: () => [
    new nn.AdaptiveMaxPool2d(2, { returnIndices: true }).forward(x)[1].oneHot(2),
    // @ts-expect-error
    new nn.AdaptiveMaxPool2d(2).forward(x)[1],
  ],
  AvgPool1d: () => [
    new nn.AvgPool1d(2),
    // @ts-expect-error
    new nn.AvgPool1d([2, 2]),
  ],
  AvgPool2d: () => [
    new nn.AvgPool2d([2, 3]),
    // @ts-expect-error
    new nn.AvgPool2d(2, { dilation: 2 }),
  ],
  BCELoss: () => [
    new nn.BCELoss({ reduction: 'sum' }).forward(x, x),
    // @ts-expect-error
    new nn.BCELoss({ reduction: 'median' }),
  ],
  BCEWithLogitsLoss: () => [
    new nn.BCEWithLogitsLoss({ reduction: 'sum' }).forward(x, x),
    // @ts-expect-error
    new nn.BCEWithLogitsLoss({ reduction: 'median' }),
  ],
  BatchNorm1d: () => [
    new nn.BatchNorm1d(3, { momentum: null }).forward(x),
    // @ts-expect-error
    new nn.BatchNorm1d(3, { track: false }),
  ],
  BatchNorm2d: () => [
    new nn.BatchNorm2d(3, { momentum: null }).forward(x),
    // @ts-expect-error
    new nn.BatchNorm2d(3, { track: false }),
  ],
  Conv1d: () => [
    new nn.Conv1d(3, 4, 3, { paddingMode: 'circular' }).forward(x),
    // @ts-expect-error
    new nn.Conv1d(3, 4, [3, 3]),
  ],
  Conv2d: () => [
    new nn.Conv2d(3, 4, [3, 2], { padding: 'same' }).forward(x),
    // @ts-expect-error
    new nn.Conv2d(3, 4, 3, { paddingMode: 'mirror' }),
  ],
  ConvTranspose2d: () => [
    new nn.ConvTranspose2d(3, 4, 3, { outputPadding: 1 }),
    // @ts-expect-error
    new nn.ConvTranspose2d(3, 4, 3, { paddingMode: 'reflect' }),
  ],
  CrossEntropyLoss: () => [
    new nn.CrossEntropyLoss({ reduction: 'sum' }).forward(x, whole),
    // @ts-expect-error
    new nn.CrossEntropyLoss({ reduction: 'median' }),
  ],
  Dropout: () => [
    new nn.Dropout(0.1),
    // @ts-expect-error
    new nn.Dropout('0.1'),
  ],
  Dropout2d: () => [
    new nn.Dropout2d(),
    // @ts-expect-error
    new nn.Dropout2d({ p: 1 }),
  ],
  ELU: () => [
    new nn.ELU(),
    // @ts-expect-error
    new nn.ELU('1'),
  ],
  Embedding: () => [
    new nn.Embedding(5, 3).forward(whole),
    // @ts-expect-error
    new nn.Embedding(5, 3).forward(x),
  ],
  Flatten: () => [
    new nn.Flatten(0),
    // @ts-expect-error
    new nn.Flatten('0'),
  ],
  GELU: () => [
    new nn.GELU(),
    // @ts-expect-error
    new nn.GELU('tan'),
  ],
  GroupNorm: () => [
    new nn.GroupNorm(2, 4),
    // @ts-expect-error
    new nn.GroupNorm(2),
  ],
  Hardsigmoid: () => [
    new nn.Hardsigmoid().forward(x),
    // @ts-expect-error
    new nn.Hardsigmoid(1),
  ],
  Hardswish: () => [
    new nn.Hardswish().forward(x),
    // @ts-expect-error
    new nn.Hardswish(1),
  ],
  Hardtanh: () => [
    new nn.Hardtanh(),
    // @ts-expect-error
    new nn.Hardtanh('1'),
  ],
  HingeLoss: () => [
    new nn.HingeLoss({ reduction: 'sum' }).forward(x, whole),
    // @ts-expect-error
    new nn.HingeLoss({ reduction: 'median' }),
  ],
  Identity: () => [
    new nn.Identity().forward(x),
    // @ts-expect-error
    new nn.Identity(1),
  ],
  KLDivLoss: () => [
    new nn.KLDivLoss({ reduction: 'sum' }).forward(x, x),
    // @ts-expect-error
    new nn.KLDivLoss({ reduction: 'median' }),
  ],
  L1Loss: () => [
    new nn.L1Loss({ reduction: 'sum' }).forward(x, x),
    // @ts-expect-error
    new nn.L1Loss({ reduction: 'median' }),
  ],
  LayerNorm: () => [
    new nn.LayerNorm([2, 3]),
    // @ts-expect-error
    new nn.LayerNorm('2'),
  ],
  LeakyReLU: () => [
    new nn.LeakyReLU(),
    // @ts-expect-error
    new nn.LeakyReLU('1'),
  ],
  Linear: () => [
    new nn.Linear(3, 4, { bias: false }).forward(x),
    // @ts-expect-error
    new nn.Linear(3, 4).forward(whole),
  ],
  LocalResponseNorm: () => [
    new nn.LocalResponseNorm(5),
    // @ts-expect-error
    new nn.LocalResponseNorm(),
  ],
  LogSigmoid: () => [
    new nn.LogSigmoid().forward(x),
    // @ts-expect-error
    new nn.LogSigmoid(1),
  ],
  LogSoftmax: () => [
    new nn.LogSoftmax(1),
    // @ts-expect-error
    new nn.LogSoftmax({ dim: 1 }),
  ],
  MSELoss: () => [
    new nn.MSELoss({ reduction: 'sum' }).forward(x, x),
    // @ts-expect-error
    new nn.MSELoss({ reduction: 'median' }),
  ],
  MaxPool1d: () => [
    new nn.MaxPool1d(2, { returnIndices: true }).forward(x)[1].oneHot(2),
    // @ts-expect-error
    new nn.MaxPool1d(2).forward(x)[1],
  ],
  MaxPool2d: () => [
    new nn.MaxPool2d(2, { returnIndices: true }).forward(x)[1].oneHot(2),
    // @ts-expect-error
    new nn.MaxPool2d(2).forward(x)[1],
  ],
  Module: () => [
    new (class extends nn.Module {
      forward(t: Tensor) {
        return t.exp()
      }
    })().forward(x),
    // @ts-expect-error
    new nn.Module(),
  ],
  ModuleList: () => [
    new nn.ModuleList([new nn.ReLU()]),
    // @ts-expect-error
    new nn.ModuleList([x]),
  ],
  MultiMarginLoss: () => [
    new nn.MultiMarginLoss({ reduction: 'sum' }).forward(x, whole),
    // @ts-expect-error
    new nn.MultiMarginLoss({ reduction: 'median' }),
  ],
  NLLLoss: () => [
    new nn.NLLLoss({ reduction: 'sum' }).forward(x, whole),
    // @ts-expect-error
    new nn.NLLLoss({ reduction: 'median' }),
  ],
  ReLU: () => [
    new nn.ReLU().forward(x),
    // @ts-expect-error
    new nn.ReLU(1),
  ],
  ReLU6: () => [
    new nn.ReLU6().forward(x),
    // @ts-expect-error
    new nn.ReLU6(1),
  ],
  SELU: () => [
    new nn.SELU().forward(x),
    // @ts-expect-error
    new nn.SELU(1),
  ],
  Sequential: () => [
    new nn.Sequential(new nn.ReLU(), new nn.Flatten()).forward(x),
    // @ts-expect-error
    new nn.Sequential([new nn.ReLU()]),
  ],
  SiLU: () => [
    new nn.SiLU().forward(x),
    // @ts-expect-error
    new nn.SiLU(1),
  ],
  Sigmoid: () => [
    new nn.Sigmoid().forward(x),
    // @ts-expect-error
    new nn.Sigmoid(1),
  ],
  SmoothL1Loss: () => [
    new nn.SmoothL1Loss({ reduction: 'sum' }).forward(x, x),
    // @ts-expect-error
    new nn.SmoothL1Loss({ reduction: 'median' }),
  ],
  Softmax: () => [
    new nn.Softmax(1),
    // @ts-expect-error
    new nn.Softmax({ dim: 1 }),
  ],
  Softplus: () => [
    new nn.Softplus(),
    // @ts-expect-error
    new nn.Softplus('1'),
  ],
  Softsign: () => [
    new nn.Softsign().forward(x),
    // @ts-expect-error
    new nn.Softsign(1),
  ],
  Tanh: () => [
    new nn.Tanh().forward(x),
    // @ts-expect-error
    new nn.Tanh(1),
  ],
}

export const optimizers: Constructions<typeof optim> = {
  Adadelta: () => [
    new optim.Adadelta([x], { lr: 1, rho: 0.5 }).step(),
    // @ts-expect-error
    new optim.Adadelta([x], { rate: 1 }),
  ],
  Adagrad: () => [
    new optim.Adagrad([x], { lr: 1, lrDecay: 0.1 }).step(),
    // @ts-expect-error
    new optim.Adagrad([x], { rate: 1 }),
  ],
  Adam: () => [
    new optim.Adam([x], { lr: 1, amsgrad: true }).step(),
    // @ts-expect-error
    new optim.Adam([x], { rate: 1 }),
  ],
  AdamW: () => [
    new optim.AdamW([x], { lr: 1, weightDecay: 0.1 }).step(),
    // @ts-expect-error
    new optim.AdamW([x], { rate: 1 }),
  ],
  CosineAnnealingLR: () => [
    new optim.CosineAnnealingLR(sgd, { tMax: 9 }),
    // @ts-expect-error
    new optim.CosineAnnealingLR(sgd, { tmax: 9 }),
  ],
  CosineAnnealingWarmRestarts: () => [
    new optim.CosineAnnealingWarmRestarts(sgd, { t0: 9 }),
    // @ts-expect-error
    new optim.CosineAnnealingWarmRestarts(sgd, {}),
  ],
  ExponentialLR: () => [
    new optim.ExponentialLR(sgd, { gamma: 0.9 }),
    // @ts-expect-error
    new optim.ExponentialLR(sgd, 0.9),
  ],
  InverseSqrtLR: () => [
    new optim.InverseSqrtLR(sgd),
    // @ts-expect-error
    new optim.InverseSqrtLR(x),
  ],
  LinearLR: () => [
    new optim.LinearLR(sgd, { totalIters: 9 }),
    // @ts-expect-error
    new optim.LinearLR(sgd, { total: 9 }),
  ],
  MultiStepLR: () => [
    new optim.MultiStepLR(sgd, { milestones: [1] }),
    // @ts-expect-error
    new optim.MultiStepLR(sgd, { milestones: 1 }),
  ],
  OneCycleLR: () => [
    new optim.OneCycleLR(sgd, { maxLr: 1, totalSteps: 9 }),
    // @ts-expect-error
    new optim.OneCycleLR(sgd, { maxLr: 1 }),
  ],
  Optimizer: () => [
    sgd satisfies optim.Optimizer<optim.SGDOptions>,
    // @ts-expect-error
    new optim.Optimizer([x]),
  ],
  RMSprop: () => [
    new optim.RMSprop([x], { lr: 1, centered: true }).step(),
    // @ts-expect-error
    new optim.RMSprop([x], { rate: 1 }),
  ],
  ReduceLROnPlateau: () => [
    new optim.ReduceLROnPlateau(sgd, { mode: 'max' }).step(1),
    // @ts-expect-error
    new optim.ReduceLROnPlateau(sgd).step(),
  ],
  SGD: () => [
    new optim.SGD([x], { lr: 1, momentum: 0.9 }).step(),
    // @ts-expect-error
    new optim.SGD([x], { rate: 1 }),
  ],
  SequentialLR: () => [
    new optim.SequentialLR(sgd, { schedules: [new optim.ReduceLROnPlateau(sgd)], milestones: [] }).step(1),
    // @ts-expect-error
    new optim.SequentialLR(sgd, { schedules: [sgd], milestones: [] }),
  ],
  StepLR: () => [
    new optim.StepLR(sgd, { stepSize: 2 }).step(),
    // @ts-expect-error
    new optim.StepLR(sgd),
  ],
}
