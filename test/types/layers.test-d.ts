// Checked by `npm run types`: for every function of layers and losses a call that compiles and then one that must not. One without an
// entry is an error too. Nothing here runs.
import * as q from 'quern'
import { double, whole, x } from './values.js'

export const layers = {
  adaptiveAvgPool1d: () => [
    q.adaptiveAvgPool1d(x, 3),
    // @ts-expect-error
    q.adaptiveAvgPool1d(x, [3, 3]),
  ],
  adaptiveAvgPool2d: () => [
    q.adaptiveAvgPool2d(x, [3, null]),
    // @ts-expect-error
    q.adaptiveAvgPool2d(whole, 1),
  ],
  adaptiveMaxPool1d: () => [
    q.adaptiveMaxPool1d(x, 3, { returnIndices: true })[0].exp(),
    // @ts-expect-error
    q.adaptiveMaxPool1d(x, null),
  ],
  adaptiveMaxPool2d: () => [
    q.adaptiveMaxPool2d(x, 1).exp(),
    // @ts-expect-error
    q.adaptiveMaxPool2d(x, '1'),
  ],
  avgPool1d: () => [
    q.avgPool1d(x, 2, { countIncludePad: false }),
    // @ts-expect-error
    q.avgPool1d(whole, 2),
  ],
  avgPool2d: () => [
    q.avgPool2d(x, 2, { divisorOverride: 3 }),
    // @ts-expect-error
    q.avgPool2d(x, 2, { dilation: 2 }),
  ],
  batchNorm: () => [
    q.batchNorm(x, x, x, { weight: x, training: true }),
    // @ts-expect-error
    q.batchNorm(x, double, double),
  ],
  bceLoss: () => [
    q.bceLoss(x, x, { reduction: 'sum' }),
    // @ts-expect-error
    q.bceLoss(x, double),
  ],
  bceWithLogitsLoss: () => [
    q.bceWithLogitsLoss(x, x, { reduction: 'sum' }),
    // @ts-expect-error
    q.bceWithLogitsLoss(x, double),
  ],
  conv1d: () => [
    q.conv1d(x, x, { bias: x, padding: 'same' }),
    // @ts-expect-error
    q.conv1d(x, double),
  ],
  conv2d: () => [
    q.conv2d(x, x, { stride: [1, 2], groups: 3 }),
    // @ts-expect-error
    q.conv2d(x, x, { bias: double }),
  ],
  convTranspose2d: () => [
    q.convTranspose2d(x, x, { outputPadding: 1 }),
    // @ts-expect-error
    q.convTranspose2d(whole, whole),
  ],
  crossEntropy: () => [
    q.crossEntropy(x, whole, { labelSmoothing: 0.1 }),
    // @ts-expect-error
    q.crossEntropy(x, double),
  ],
  dropout: () => [
    q.dropout(x, { p: 0.1, training: false }),
    // @ts-expect-error
    q.dropout(x, 0.1),
  ],
  dropout2d: () => [
    q.dropout2d(x),
    // @ts-expect-error
    q.dropout2d(whole),
  ],
  elu: () => [
    q.elu(x, { alpha: 2 }),
    // @ts-expect-error
    q.elu(x, 2),
  ],
  embedding: () => [
    q.embedding(whole, x, { paddingIdx: 0 }),
    // @ts-expect-error
    q.embedding(x, x),
  ],
  gelu: () => [
    q.gelu(x, { approximate: 'tanh' }),
    // @ts-expect-error
    q.gelu(x, { approximate: 'erf' }),
  ],
  groupNorm: () => [
    q.groupNorm(x, 2),
    // @ts-expect-error
    q.groupNorm(whole, 2),
  ],
  hardsigmoid: () => [
    q.hardsigmoid(x),
    // @ts-expect-error
    q.hardsigmoid(whole),
  ],
  hardswish: () => [
    q.hardswish(x),
    // @ts-expect-error
    q.hardswish(whole),
  ],
  hardtanh: () => [
    q.hardtanh(x),
    // @ts-expect-error
    q.hardtanh(whole),
  ],
  hingeLoss: () => [
    q.hingeLoss(x, whole, { margin: 2 }),
    // @ts-expect-error
    q.hingeLoss(x, x),
  ],
  klDivLoss: () => [
    q.klDivLoss(x, x, { reduction: 'sum' }),
    // @ts-expect-error
    q.klDivLoss(x, double),
  ],
  l1Loss: () => [
    q.l1Loss(x, x, { reduction: 'sum' }),
    // @ts-expect-error
    q.l1Loss(x, double),
  ],
  layerNorm: () => [
    q.layerNorm(x, [2, 3], { weight: x }),
    // @ts-expect-error
    q.layerNorm(x, 3, { weight: double }),
  ],
  leakyRelu: () => [
    q.leakyRelu(x, { negativeSlope: 0.1 }),
    // @ts-expect-error
    q.leakyRelu(whole),
  ],
  linear: () => [
    q.linear(x, x, { bias: x }),
    // @ts-expect-error
    q.linear(x, double),
  ],
  localResponseNorm: () => [
    q.localResponseNorm(x, 5, { beta: 1 }),
    // @ts-expect-error
    q.localResponseNorm(x, 5, { gamma: 1 }),
  ],
  logSigmoid: () => [
    q.logSigmoid(x),
    // @ts-expect-error
    q.logSigmoid(whole),
  ],
  logSoftmax: () => [
    q.logSoftmax(double, { dim: 1 }),
    // @ts-expect-error
    q.logSoftmax(whole, { dim: 1 }),
  ],
  maxPool1d: () => [
    q.maxPool1d(x, 2, { returnIndices: true })[1].oneHot(3),
    // @ts-expect-error
    q.maxPool1d(x, [2, 2]),
  ],
  maxPool2d: () => [
    q.maxPool2d(x, [2, 3]).exp(),
    // @ts-expect-error
    q.maxPool2d(x, 2, { returnIndices: true }).exp(),
  ],
  mseLoss: () => [
    q.mseLoss(x, x, { reduction: 'sum' }),
    // @ts-expect-error
    q.mseLoss(x, double),
  ],
  multiMarginLoss: () => [
    q.multiMarginLoss(x, whole, { p: 2 }),
    // @ts-expect-error
    q.multiMarginLoss(whole, whole),
  ],
  nllLoss: () => [
    q.nllLoss(x, whole, { ignoreIndex: 0 }),
    // @ts-expect-error
    q.nllLoss(x, x),
  ],
  normalize: () => [
    q.normalize(x, { p: 1 }),
    // @ts-expect-error
    q.normalize(whole),
  ],
  oneHot: () => [
    q.oneHot(whole, 10),
    // @ts-expect-error
    q.oneHot(x, 10),
  ],
  pad: () => [
    q.pad(x, [1, 1], { mode: 'circular' }),
    // @ts-expect-error
    q.pad(x, [1, 1], { mode: 'around' }),
  ],
  relu: () => [
    q.relu(x),
    // @ts-expect-error
    q.relu(whole),
  ],
  relu6: () => [
    q.relu6(x),
    // @ts-expect-error
    q.relu6(whole),
  ],
  selu: () => [
    q.selu(x),
    // @ts-expect-error
    q.selu(whole),
  ],
  sigmoid: () => [
    q.sigmoid(x),
    // @ts-expect-error
    q.sigmoid(whole),
  ],
  silu: () => [
    q.silu(x),
    // @ts-expect-error
    q.silu(whole),
  ],
  smoothL1Loss: () => [
    q.smoothL1Loss(x, x, { reduction: 'sum' }),
    // @ts-expect-error
    q.smoothL1Loss(x, double),
  ],
  softmax: () => [
    q.softmax(x, { dim: 1 }),
    // @ts-expect-error
    q.softmax(x, 1),
  ],
  softplus: () => [
    q.softplus(x, { beta: 2 }),
    // @ts-expect-error
    q.softplus(whole),
  ],
  softsign: () => [
    q.softsign(x),
    // @ts-expect-error
    q.softsign(whole),
  ],
  tanh: () => [
    q.tanh(x),
    // @ts-expect-error
    q.tanh(whole),
  ],
}
