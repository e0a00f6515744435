// Checked by `npm run types`: for every function of the subpaths a call that compiles and then one that must not. One without an
// entry is an error too. Nothing here runs.
import { crossEntropy, nn, optim } from 'quern'
import * as data from 'quern/data'
import * as io from 'quern/io'
import * as train from 'quern/train'
import { type Calls, whole, x } from './values.js'

const { init } = nn
const sgd = new optim.SGD([x])
const model = new nn.Linear(3, 2)
const set = new data.TensorDataset(x, whole)
const loader = new data.DataLoader(set)
const stored = { dtype: 'float32', shape: [1], data: new Float32Array(1) } as const

export const ofOptim: Calls<typeof optim> = {
  clipGradNorm: () => [
    optim.clipGradNorm([x], 1, { normType: 1 }),
    // @ts-expect-error
    optim.clipGradNorm(1, [x]),
  ],
  clipGradValue: () => [
    optim.clipGradValue([x], 1),
    // @ts-expect-error
    optim.clipGradValue([x]),
  ],
  warmup: () => [
    optim.warmup(new optim.ReduceLROnPlateau(sgd), 3).step(1),
    // @ts-expect-error
    optim.warmup(sgd, 3),
  ],
}

export const ofInit: Calls<typeof init> = {
  calculateGain: () => [
    init.calculateGain('relu'),
    // @ts-expect-error
    init.calculateGain('gelu2'),
  ],
  constant_: () => [
    init.constant_(x, 1),
    // @ts-expect-error
    init.constant_(x),
  ],
  eye_: () => [
    init.eye_(x),
    // @ts-expect-error
    init.eye_(whole),
  ],
  fans: () => [
    init.fans(x).fanIn + 1,
    // @ts-expect-error
    init.fans([1, 2]),
  ],
  kaimingNormal_: () => [
    init.kaimingNormal_(x, { mode: 'fanOut' }),
    // @ts-expect-error
    init.kaimingNormal_(whole),
  ],
  kaimingUniform_: () => [
    init.kaimingUniform_(x, { mode: 'fanOut' }),
    // @ts-expect-error
    init.kaimingUniform_(whole),
  ],
  lecunNormal_: () => [
    init.lecunNormal_(x),
    // @ts-expect-error
    init.lecunNormal_(whole),
  ],
  lecunUniform_: () => [
    init.lecunUniform_(x),
    // @ts-expect-error
    init.lecunUniform_(whole),
  ],
  normal_: () => [
    init.normal_(x, 0, 1),
    // @ts-expect-error
    init.normal_(x, [0, 1]),
  ],
  ones_: () => [
    init.ones_(x),
    // @ts-expect-error
    init.ones_(whole),
  ],
  orthogonal_: () => [
    init.orthogonal_(x, { gain: 2 }),
    // @ts-expect-error
    init.orthogonal_(x, 2),
  ],
  truncNormal_: () => [
    init.truncNormal_(x, 0, 1),
    // @ts-expect-error
    init.truncNormal_(x, [0, 1]),
  ],
  uniform_: () => [
    init.uniform_(x, 0, 1),
    // @ts-expect-error
    init.uniform_(x, [0, 1]),
  ],
  xavierNormal_: () => [
    init.xavierNormal_(x, { gain: 2 }),
    // @ts-expect-error
    init.xavierNormal_(x, 2),
  ],
  xavierUniform_: () => [
    init.xavierUniform_(x, { gain: 2 }),
    // @ts-expect-error
    init.xavierUniform_(x, 2),
  ],
  zeros_: () => [
    init.zeros_(x),
    // @ts-expect-error
    init.zeros_(whole),
  ],
}

export const ofTrain: Calls<typeof train> = {
  accuracy: () => [
    train.accuracy(x, whole),
    // @ts-expect-error
    train.accuracy(x),
  ],
  curvesSvg: () => [
    train.curvesSvg(new train.History()),
    // @ts-expect-error
    train.curvesSvg([1, 2]),
  ],
  evaluate: () => [
    train.evaluate(model, loader, { loss: crossEntropy, metrics: { accuracy: train.accuracy } }),
    // @ts-expect-error
    train.evaluate(model, loader, { metric: train.accuracy }),
  ],
  fit: () => [
    train.fit(model, loader, { loss: crossEntropy, optimizer: sgd, schedule: new optim.ReduceLROnPlateau(sgd) }),
    // @ts-expect-error
    train.fit(model, loader, { loss: crossEntropy }),
  ],
  predict: () => [
    train.predict(model, x),
    // @ts-expect-error
    train.predict(x, model),
  ],
  progressBar: () => [
    train.progressBar(),
    // @ts-expect-error
    train.progressBar(1),
  ],
}

export const ofData: Calls<typeof data> = {
  randomSplit: () => [
    data.randomSplit(set, [1, 2]),
    // @ts-expect-error
    data.randomSplit(set),
  ],
  readIdx: () => [
    data.readIdx('a'),
    // @ts-expect-error
    data.readIdx(1),
  ],
}

export const ofIo: Calls<typeof io> = {
  encodeSafetensors: () => [
    io.encodeSafetensors({ x: stored }) satisfies Uint8Array,
    // @ts-expect-error
    io.encodeSafetensors([x]),
  ],
  loadSafetensors: () => [
    io.loadSafetensors('a'),
    // @ts-expect-error
    io.loadSafetensors(1),
  ],
  parseSafetensors: () => [
    io.parseSafetensors(new Uint8Array(8)),
    // @ts-expect-error
    io.parseSafetensors('a'),
  ],
  safetensorsMetadata: () => [
    io.safetensorsMetadata('a'),
    // @ts-expect-error
    io.safetensorsMetadata(1),
  ],
  saveSafetensors: () => [
    io.saveSafetensors('a', { x }),
    // @ts-expect-error
    io.saveSafetensors('a', x),
  ],
  writeAtomically: () => [
    io.writeAtomically('a', 'b'),
    // @ts-expect-error
    io.writeAtomically('a'),
  ],
}

export const ofNn: Calls<typeof nn> = {
  parameter: () => [
    nn.parameter(x).exp(),
    // @ts-expect-error
    nn.parameter(whole),
  ],
}
