// Layers, built and called.
import { nn } from 'quern'
import { type Operation, op } from './operation.js'
import * as p from './parameters.js'
import type { Random } from './random.js'
import { batched, floats, indices } from './tensors.js'

type Layer = new (...args: never[]) => { forward(x: never): unknown; train(mode: boolean): unknown }

/** A layer's constructor and forward: the input, what the constructor takes, its options. */
const layer = (
  Class: Layer,
  input: p.Parameter,
  constructing: readonly p.Parameter[],
  sample: (r: Random) => unknown[],
  more: { options?: Record<string, p.Parameter>; says?: string[] } = {},
): Operation =>
  op(
    Class.name,
    (x, ...args) => new Class(...(args as never[])).forward(x as never),
    [input, ...constructing],
    sample,
    {
      ...more,
      constructs: true,
      says: [Class.name[0]?.toLowerCase() + Class.name.slice(1), ...(more.says ?? [])],
    },
  )

const image = (r: Random, channels = r.size(1), least = 3) =>
  floats(r, batched(r, [channels, r.integer(least, 9), r.integer(least, 9)]))
const line = (r: Random, channels = r.size(1)) => floats(r, batched(r, [channels, r.integer(5, 9)]))
const channels = [p.integer(1), p.integer(1)]
const f32 = (options: p.TensorOptions) => p.float({ ...options })
const paddingMode = p.oneOf('zeros', 'reflect', 'replicate', 'circular')
const around = (r: Random) => r.pick(['zeros', 'reflect', 'replicate', 'circular'])
const geometry = { stride: p.pair(1), dilation: p.pair(1), groups: p.integer(1), bias: p.flag }

export const layers: readonly Operation[] = [
  layer(
    nn.Linear,
    f32({ least: 1, tied: [-1] }),
    [p.integer(0), p.integer(0)],
    (r) => {
      const n = r.size()
      return [floats(r, [...r.shape(1), n]), n, r.size(), r.options({ bias: true })]
    },
    { options: { bias: p.flag } },
  ),
  layer(
    nn.Conv1d,
    p.lines([-2]),
    [...channels, p.integer(1)],
    (r) => {
      const c = r.size(1)
      return [
        line(r, c),
        c,
        r.size(1),
        r.integer(1, 3),
        r.options({ stride: 2, padding: 1, dilation: 1, groups: 1, bias: true, paddingMode: around(r) }),
      ]
    },
    { options: { stride: p.integer(1), dilation: p.integer(1), groups: p.integer(1), bias: p.flag, paddingMode } },
  ),
  layer(
    nn.Conv2d,
    p.images([-3]),
    [...channels, p.pair(1)],
    (r) => {
      const c = r.size(1)
      return [
        image(r, c),
        c,
        r.size(1),
        r.integer(1, 3),
        r.options({ stride: 2, padding: 1, dilation: 1, groups: 1, bias: true, paddingMode: around(r) }),
      ]
    },
    { options: { ...geometry, paddingMode } },
  ),
  layer(
    nn.ConvTranspose2d,
    p.images([-3]),
    [...channels, p.pair(1)],
    (r) => {
      const c = r.size(1)
      return [
        image(r, c),
        c,
        r.size(1),
        r.integer(2, 3),
        r.options({ stride: 2, padding: 0, dilation: 1, groups: 1, bias: true }),
      ]
    },
    { options: { ...geometry, padding: p.pair(0), outputPadding: p.pair(0) } },
  ),
  layer(
    nn.MaxPool2d,
    p.images(),
    [p.pair(1)],
    (r) => [image(r), 2, r.options({ stride: 2, returnIndices: r.pick([true, false]) })],
    { options: { stride: p.pair(1), padding: p.pair(0), returnIndices: p.flag } },
  ),
  layer(nn.AvgPool2d, p.images(), [p.pair(1)], (r) => [image(r), 2, r.options({ stride: 2 })], {
    options: { stride: p.pair(1), padding: p.pair(0) },
  }),
  layer(
    nn.MaxPool1d,
    p.lines(),
    [p.integer(1)],
    (r) => [line(r), 2, r.options({ stride: 2, returnIndices: r.pick([true, false]) })],
    { options: { stride: p.integer(1), returnIndices: p.flag } },
  ),
  layer(nn.AvgPool1d, p.lines(), [p.integer(1)], (r) => [line(r), 2, r.options({ stride: 2 })], {
    options: { stride: p.integer(1) },
  }),
  layer(nn.AdaptiveAvgPool2d, p.images(), [p.refuses('ARGUMENT', 0, 'x', NaN, [1])], (r) => [image(r), 2]),
  layer(nn.AdaptiveAvgPool1d, p.lines(), [p.integer(1)], (r) => [line(r), 2]),
  layer(
    nn.AdaptiveMaxPool2d,
    p.images(),
    [p.refuses('ARGUMENT', 0, 'x', NaN, [1])],
    (r) => [image(r), 2, r.options({ returnIndices: r.pick([true, false]) })],
    { options: { returnIndices: p.flag } },
  ),
  layer(
    nn.AdaptiveMaxPool1d,
    p.lines(),
    [p.integer(1)],
    (r) => [line(r), 2, r.options({ returnIndices: r.pick([true, false]) })],
    { options: { returnIndices: p.flag } },
  ),
  layer(
    nn.BatchNorm1d,
    f32({ ranks: [2, 3], tied: [1] }),
    [p.integer(0)],
    (r) => {
      const c = r.size(1)
      return [floats(r, [5, c, 3]), c, r.options({ eps: 1e-3, momentum: 0.2, affine: true, trackRunningStats: true })]
    },
    {
      options: {
        eps: p.number(0),
        momentum: p.refuses('ARGUMENT', -1, 2, 'x'),
        affine: p.flag,
        trackRunningStats: p.flag,
      },
      says: ['batchNorm'],
    },
  ),
  layer(
    nn.BatchNorm2d,
    f32({ ranks: [4], tied: [1] }),
    [p.integer(0)],
    (r) => {
      const c = r.size(1)
      return [floats(r, [5, c, 3, 2]), c, r.options({ eps: 1e-3, momentum: null, affine: true })]
    },
    { options: { eps: p.number(0), affine: p.flag }, says: ['batchNorm'] },
  ),
  layer(
    nn.LayerNorm,
    f32({ least: 1, tied: [-1] }),
    [p.refuses('SHAPE', [-1], 'x', null, NaN)],
    (r) => {
      const inner = r.shape(1)
      return [
        floats(r, [...r.shape(1), ...inner]),
        inner,
        r.options({ eps: 1e-3, elementwiseAffine: true, bias: true }),
      ]
    },
    { options: { eps: p.number(0), elementwiseAffine: p.flag, bias: p.flag } },
  ),
  layer(
    nn.GroupNorm,
    f32({ least: 2, tied: [1] }),
    [p.integer(1), p.integer(0)],
    (r) => {
      const groups = r.integer(1, 3)
      return [floats(r, [r.size(), groups * 3, 2]), groups, groups * 3, r.options({ eps: 1e-3, affine: true })]
    },
    { options: { eps: p.number(0), affine: p.flag } },
  ),
  layer(
    nn.LocalResponseNorm,
    f32({ least: 3 }),
    [p.integer(1)],
    (r) => [floats(r, r.shape(3)), 3, r.options({ alpha: 1e-3 })],
    {
      options: { alpha: p.anyNumber },
    },
  ),
  layer(nn.Dropout, f32({}), [p.number(0, 1)], (r) => [line(r), 0.5]),
  layer(nn.Dropout2d, f32({ least: 2 }), [p.number(0, 1)], (r) => [image(r), 0.5]),
  layer(
    nn.Embedding,
    p.int32(),
    [p.integer(0), p.integer(0)],
    (r) => {
      const rows = r.size(1)
      return [indices(r, r.shape(), rows), rows, r.size(), r.options({ paddingIdx: 0 })]
    },
    { options: { paddingIdx: p.integer(-3, 2) } },
  ),
  layer(nn.Softmax, f32({}), [p.dim()], (r) => [line(r), -1]),
  layer(nn.LogSoftmax, f32({}), [p.dim()], (r) => [line(r), -1]),
  layer(nn.Flatten, p.any(), [p.dim(), p.dim()], (r) => [line(r), 0, -1]),
  layer(nn.LeakyReLU, f32({}), [p.refuses('ARGUMENT', NaN, 'x', {})], (r) => [line(r), 0.1], { says: ['leakyRelu'] }),
  layer(nn.ELU, f32({}), [p.refuses('ARGUMENT', NaN, 'x', {})], (r) => [line(r), 1], { says: ['elu'] }),
  layer(nn.Hardtanh, f32({}), [p.refuses('ARGUMENT', NaN, 'x', {}), p.refuses('ARGUMENT', -2, NaN, 'x')], (r) => [
    line(r),
    -1,
    1,
  ]),
  ...Object.entries({
    ...{ ReLU: nn.ReLU, Sigmoid: nn.Sigmoid, Tanh: nn.Tanh, SELU: nn.SELU, SiLU: nn.SiLU, ReLU6: nn.ReLU6 },
    ...{ Hardswish: nn.Hardswish, Hardsigmoid: nn.Hardsigmoid, LogSigmoid: nn.LogSigmoid, Softsign: nn.Softsign },
  }).map(([name, Class]) => layer(Class, f32({}), [], (r) => [line(r)], { says: [name.toLowerCase(), 'logSigmoid'] })),
]
