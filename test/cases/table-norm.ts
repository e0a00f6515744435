// Operations of normalisation, pooling and the variants of convolution, for the table of cases.
import {
  adaptiveAvgPool1d,
  adaptiveAvgPool2d,
  adaptiveMaxPool1d,
  adaptiveMaxPool2d,
  avgPool1d,
  avgPool2d,
  batchNorm,
  conv1d,
  conv2d,
  convTranspose2d,
  dropout2d,
  type FloatDType,
  groupNorm,
  layerNorm,
  localResponseNorm,
  maxPool1d,
  maxPool2d,
  mul,
  normalize,
  type Tensor,
  tensor,
} from 'quern'
import type { Input, OpCase } from './table.js'

type F = Tensor<FloatDType>
const I = (...shape: number[]): Input => ({ shape })
const last = (...shape: number[]): Input => ({ shape, memory: [0, 2, 3, 1] })
// Running statistics: one of a line of values from `first` for each channel.
const constant = (channels: number, first: number, like: F): F =>
  tensor(
    Float64Array.from({ length: channels }, (_, i) => first + i / 8),
    { dtype: like.dtype },
  )
const list: OpCase[] = []
const op = (name: string, inputs: Input[], run: OpCase['run'], tolerance?: number) =>
  list.push({ name, inputs, run, ...(tolerance === undefined ? {} : { tolerance }) })
const text = (...parts: unknown[]) => parts.map((p) => JSON.stringify(p)).join(' ')

for (const [x, w, options] of [
  [[2, 3, 9], [4, 3, 3], { padding: 1 }],
  [[2, 16, 31], [33, 16, 5], { stride: 2 }],
  [[1, 6, 12], [6, 1, 3], { groups: 6, dilation: 2, padding: 'same' }],
  [[0, 3, 5], [2, 3, 2], {}],
  [[1, 1, 1], [1, 1, 1], {}],
] as [number[], number[], object][]) {
  const inputs = [I(...x), I(...w), I(w[0] as number)]
  op(`conv1d ${text(x, w, options)}`, inputs, (t, weight, bias) => conv1d(t, weight, { bias, ...options }))
}
op('conv1d of a permuted tensor', [{ shape: [2, 3, 7], memory: [2, 0, 1] }, I(2, 3, 3)], (x, w) => conv1d(x, w))
for (const [x, w, dilation] of [
  [[2, 3, 7, 8], [5, 3, 2, 4], 1],
  [[2, 16, 9, 9], [32, 16, 3, 3], 2],
  [[1, 2, 3, 3], [2, 2, 4, 6], 1],
] as [number[], number[], number][]) {
  op(`conv2d same ${text(x, w, dilation)}`, [I(...x), I(...w)], (t, weight) =>
    conv2d(t, weight, { padding: 'same', dilation }),
  )
}
for (const [x, w, options] of [
  [[2, 3, 4, 5], [3, 4, 3, 3], {}],
  [[2, 32, 7, 7], [32, 16, 4, 4], { stride: 2, padding: 1 }],
  [[1, 6, 5, 4], [6, 2, 3, 2], { groups: 3, stride: [2, 3], outputPadding: [1, 2] }],
  [[1, 7, 4, 4], [7, 1, 3, 3], { groups: 7, stride: 2, padding: 1, outputPadding: 1 }],
  [[1, 2, 3, 3], [2, 3, 2, 2], { dilation: 3, outputPadding: 2, padding: 2 }],
  [[1, 1, 1, 1], [1, 1, 1, 1], {}],
  [[0, 3, 4, 4], [3, 2, 3, 3], {}],
] as [number[], number[], { groups?: number }][]) {
  const bias = I((w[1] as number) * (options.groups ?? 1))
  const name = `convTranspose2d ${text(x, w, options)}`
  op(name, [I(...x), I(...w), bias], (t, weight, b) => convTranspose2d(t, weight, { bias: b, ...options }))
  op(`${name} channels-last`, [last(...x), I(...w)], (t, weight) => convTranspose2d(t, weight, options))
}

for (const [x, kernel, options] of [
  [[2, 3, 8, 8], 2, {}],
  [[2, 32, 28, 28], 2, {}],
  [[2, 4, 7, 7], 3, { stride: 2, padding: 1 }],
  [[2, 4, 7, 7], 3, { stride: 2, padding: 1, countIncludePad: false, ceilMode: true }],
  [[1, 17, 6, 5], [2, 3], { stride: 1, divisorOverride: 4 }],
  [[0, 2, 4, 4], 2, {}],
  [[1, 3, 1, 1], 1, {}],
] as [number[], number | [number, number], object][]) {
  op(`avgPool2d ${text(x, kernel, options)}`, [I(...x)], (t) => avgPool2d(t, kernel, options))
  op(`avgPool2d ${text(x, kernel, options)} channels-last`, [last(...x)], (t) => avgPool2d(t, kernel, options))
}
for (const [x, size] of [
  [[2, 3, 5, 7], 1],
  [
    [2, 33, 13, 11],
    [4, 3],
  ],
  [
    [1, 2, 3, 3],
    [5, 4],
  ],
  [[0, 2, 3, 3], 2],
  [
    [1, 4, 5, 5],
    [null, 2],
  ],
] as [number[], number | [number, number]][]) {
  op(`adaptiveAvgPool2d ${text(x, size)}`, [I(...x)], (t) => adaptiveAvgPool2d(t, size))
  op(`adaptiveMaxPool2d ${text(x, size)}`, [I(...x)], (t) => adaptiveMaxPool2d(t, size))
  op(`adaptiveMaxPool2d ${text(x, size)} channels-last`, [last(...x)], (t) => adaptiveMaxPool2d(t, size))
}
for (const x of [I(2, 3, 11), I(0, 2, 9), { shape: [3, 17, 8], memory: [0, 2, 1] }]) {
  op(`avgPool1d ${text(x)}`, [x], (t) => avgPool1d(t, 3, { stride: 2, padding: 1 }))
  op(`maxPool1d ${text(x)}`, [x], (t) => maxPool1d(t, 3, { stride: 2, padding: 1 }))
}

for (const x of [
  I(4, 3),
  I(7, 1, 3),
  I(2, 3, 4, 2),
  last(2, 3, 4, 2),
  last(3, 33, 17, 13),
  I(8, 16, 28, 28),
  I(200, 130),
  { shape: [3, 5, 4], memory: [2, 0, 1] },
  I(2, 0, 3, 3),
]) {
  const c = x.shape[1] as number
  op(
    `batchNorm ${text(x)}`,
    [x, I(c), I(c)],
    (t, weight, bias) => batchNorm(t, null, null, { weight, bias, training: true }),
    3e-5,
  )
  op(`batchNorm not affine ${text(x)}`, [x], (t) => batchNorm(t, null, null, { training: true }), 3e-5)
  op(`batchNorm evaluation ${text(x)}`, [x, I(c), I(c)], (t, weight, bias) =>
    batchNorm(t, constant(c, -0.5, t), constant(c, 0.75, t), { weight, bias }),
  )
  op(`batchNorm evaluation not affine ${text(x)}`, [x], (t) => batchNorm(t, constant(c, 0.25, t), constant(c, 2, t)))
}
op('batchNorm of nothing, evaluation', [I(0, 3, 2, 2), I(3)], (t, weight) =>
  batchNorm(t, constant(3, 1, t), constant(3, 2, t), { weight }),
)
for (const [x, k] of [
  [I(4, 7), 1],
  [I(2, 3, 5), 2],
  [I(3, 1024), 1],
  [{ shape: [3, 5, 4], memory: [2, 0, 1] }, 1],
  [I(0, 5), 1],
] as [Input, number][]) {
  const shape = x.shape.slice(-k)
  op(
    `layerNorm ${text(x, k)}`,
    [x, I(...shape), I(...shape)],
    (t, weight, bias) => layerNorm(t, shape, { weight, bias }),
    3e-5,
  )
  op(`layerNorm plain ${text(x, k)}`, [x], (t) => layerNorm(t, shape), 3e-5)
}
for (const [x, groups] of [
  [I(2, 6, 5), 3],
  [last(2, 4, 3, 3), 2],
  [I(3, 33, 7, 7), 11],
  [I(2, 8), 2],
  [I(0, 4, 3), 2],
] as [Input, number][]) {
  const c = I(x.shape[1] as number)
  op(`groupNorm ${text(x, groups)}`, [x, c, c], (t, weight, bias) => groupNorm(t, groups, { weight, bias }), 3e-5)
}
for (const [x, size] of [
  [I(2, 7, 4), 5],
  [last(2, 5, 3, 2), 4],
  [I(1, 33, 9, 9), 3],
  [I(1, 1, 1), 1],
  [I(0, 3, 2), 3],
] as [Input, number][]) {
  op(`localResponseNorm ${text(x, size)}`, [x], (t) => localResponseNorm(t, size, { alpha: 0.3, k: 2 }))
}
for (const options of [{}, { p: 1 }, { p: 3, dim: 0 }, { dim: -1, eps: 2 }]) {
  op(`normalize ${text(options)}`, [I(5, 4, 3)], (x) => normalize(x, options))
}
op('normalize of one row', [I(1, 7)], (x) => normalize(x))
op('normalize of nothing', [I(0, 7)], (x) => normalize(x))
// ---- without a batch
const line: Input = { shape: [3, 7], memory: [1, 0] }
const image: Input = { shape: [3, 5, 6], memory: [1, 2, 0] }
for (const [name, x] of Object.entries({ line, 'plain line': I(3, 7) })) {
  op(`conv1d of a ${name}`, [x, I(4, 3, 3), I(4)], (t, weight, bias) => conv1d(t, weight, { bias, padding: 1 }))
  op(`pools of a ${name}`, [x], (t) => mul(maxPool1d(t, 2), avgPool1d(t, 2)))
  op(`adaptive pools of a ${name}`, [x], (t) => mul(adaptiveMaxPool1d(t, 4), adaptiveAvgPool1d(t, 4)))
}
for (const [name, x] of Object.entries({ image, 'plain image': I(3, 5, 6) })) {
  op(`conv2d of an ${name}`, [x, I(4, 3, 3, 2), I(4)], (t, weight, bias) => conv2d(t, weight, { bias, stride: 2 }))
  op(`convTranspose2d of an ${name}`, [x, I(3, 2, 2, 3)], (t, weight) => convTranspose2d(t, weight, { stride: 2 }))
  op(`pools of an ${name}`, [x], (t) => mul(maxPool2d(t, 2), avgPool2d(t, 2)))
  op(`adaptive pools of an ${name}`, [x], (t) => mul(adaptiveMaxPool2d(t, [3, 2]), adaptiveAvgPool2d(t, [3, 2])))
}
for (const x of [I(2, 3, 9), I(0, 2, 5), I(1, 17, 33), { shape: [3, 5, 8], memory: [0, 2, 1] }]) {
  op(`adaptiveAvgPool1d ${text(x)}`, [x], (t) => adaptiveAvgPool1d(t, 4))
  op(`adaptiveMaxPool1d ${text(x)}`, [x], (t) => adaptiveMaxPool1d(t, 4))
}
op('dropout2d of nothing', [I(2, 3, 4, 5)], (x) => dropout2d(x, { p: 0 }))

export const cases: readonly OpCase[] = list
