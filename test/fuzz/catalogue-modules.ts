// Layers, built and called, and optimisers, stepped once.
import { backward, grad, keep, nn, onesLike, optim, square, type Tensor } from 'quern'
import { type Operation, op } from './operation.js'
import * as p from './parameters.js'
import type { Random } from './random.js'
import { floats, indices } from './tensors.js'

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
  floats(r, [r.size(), channels, r.integer(least, 9), r.integer(least, 9)])
const line = (r: Random, channels = r.size(1)) => floats(r, [r.size(), channels, r.integer(5, 9)])
const channels = [p.integer(1), p.integer(1)]
const f32 = (options: p.TensorOptions) => p.float({ ...options })
const geometry = { stride: p.pair(1), dilation: p.pair(1), groups: p.integer(1), bias: p.flag }

const layers: Operation[] = [
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
    f32({ ranks: [3], tied: [1] }),
    [...channels, p.integer(1)],
    (r) => {
      const c = r.size(1)
      return [
        line(r, c),
        c,
        r.size(1),
        r.integer(1, 3),
        r.options({ stride: 2, padding: 1, dilation: 1, groups: 1, bias: true }),
      ]
    },
    { options: { stride: p.integer(1), dilation: p.integer(1), groups: p.integer(1), bias: p.flag } },
  ),
  layer(
    nn.Conv2d,
    f32({ ranks: [4], tied: [1] }),
    [...channels, p.pair(1)],
    (r) => {
      const c = r.size(1)
      return [
        image(r, c),
        c,
        r.size(1),
        r.integer(1, 3),
        r.options({ stride: 2, padding: 1, dilation: 1, groups: 1, bias: true }),
      ]
    },
    { options: geometry },
  ),
  layer(
    nn.ConvTranspose2d,
    f32({ ranks: [4], tied: [1] }),
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
  layer(nn.MaxPool2d, f32({ ranks: [4] }), [p.pair(1)], (r) => [image(r), 2, r.options({ stride: 2 })], {
    options: { stride: p.pair(1), padding: p.pair(0) },
  }),
  layer(nn.AvgPool2d, f32({ ranks: [4] }), [p.pair(1)], (r) => [image(r), 2, r.options({ stride: 2 })], {
    options: { stride: p.pair(1), padding: p.pair(0) },
  }),
  layer(nn.MaxPool1d, f32({ ranks: [3] }), [p.integer(1)], (r) => [line(r), 2, r.options({ stride: 2 })], {
    options: { stride: p.integer(1) },
  }),
  layer(nn.AvgPool1d, f32({ ranks: [3] }), [p.integer(1)], (r) => [line(r), 2, r.options({ stride: 2 })], {
    options: { stride: p.integer(1) },
  }),
  layer(nn.AdaptiveAvgPool2d, f32({ ranks: [4] }), [p.refuses('ARGUMENT', 0, 'x', NaN, [1])], (r) => [image(r), 2]),
  layer(nn.AdaptiveMaxPool2d, f32({ ranks: [4] }), [p.refuses('ARGUMENT', 0, 'x', NaN, [1])], (r) => [image(r), 2]),
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
  layer(nn.LocalResponseNorm, f32({ least: 3 }), [p.integer(1)], (r) => [line(r), 3, r.options({ alpha: 1e-3 })], {
    options: { alpha: p.anyNumber },
  }),
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

type Optimizer = new (params: never, options?: never) => { step(): void }
const rate = { lr: p.number(0), weightDecay: p.number(0), l1: p.number(0), maximize: p.flag }

/** One step on a parameter with this gradient. */
const optimizer = (Class: Optimizer, options: Record<string, p.Parameter>, given: object): Operation =>
  op(
    Class.name,
    (param: Tensor, gradient: Tensor, options: unknown) => {
      const made = new Class([param] as never, options as never)
      param.grad = gradient
      made.step()
    },
    [p.float({ tied: [-1] }), p.float({ tied: [-1], optional: true })],
    (r) => {
      const shape = r.shape()
      const param = floats(r, shape).detach().clone()
      return [
        param,
        floats(r, shape).detach(),
        r.options({ lr: 0.1, weightDecay: 0.1, l1: 0.1, maximize: true, ...given }),
      ]
    },
    { options: { ...rate, ...options } },
  )

const betas = p.refuses('ARGUMENT', 'x', null, 3, [], [1, 0.9], [0.9, -1], [0.9, 'x'])
const optimizers: Operation[] = [
  optimizer(optim.SGD, { momentum: p.number(0), dampening: p.number() }, { momentum: 0.9, dampening: 0.1 }),
  optimizer(optim.Adagrad, { eps: p.number(0) }, { eps: 1e-8 }),
  optimizer(optim.Adadelta, { rho: p.number(0, 1), eps: p.number(0) }, { rho: 0.8, eps: 1e-6 }),
  optimizer(optim.RMSprop, { alpha: p.number(0), eps: p.number(0), centered: p.flag }, { alpha: 0.9, centered: true }),
  optimizer(optim.Adam, { betas, eps: p.number(0), amsgrad: p.flag }, { betas: [0.8, 0.9], eps: 1e-6, amsgrad: true }),
  optimizer(optim.AdamW, { betas, eps: p.number(0), amsgrad: p.flag }, { betas: [0.8, 0.9], eps: 1e-6, amsgrad: true }),
]

/** A loss that depends on its parameter. */
const loss = (r: Random): { x: Tensor; y: Tensor } => {
  const x = floats(r, r.shape(2, 1))
  x.requiresGrad = true
  return { x, y: square(x) }
}
const flags = { createGraph: p.flag, retainGraph: p.flag }
const gradient = p.float({ tied: [-1], optional: true })

const gradients: Operation[] = [
  op(
    'backward',
    backward,
    [p.float()],
    (r) => {
      const { y } = loss(r)
      return [y, { gradient: onesLike(y), ...r.options({ createGraph: false, retainGraph: true }) }]
    },
    { options: { ...flags, gradient } },
  ),
  op(
    'grad',
    grad,
    [p.float(), p.listed(p.any({ anyFloat: true }), true)],
    (r) => {
      const { x, y } = loss(r)
      return [
        y,
        [x],
        { gradient: onesLike(y), ...r.options({ createGraph: false, retainGraph: true, allowUnused: true }) },
      ]
    },
    { options: { ...flags, gradient, allowUnused: p.flag } },
  ),
  op('keep', keep, [p.any()], (r) => [floats(r, r.shape())]),
  op('clipGradNorm', optim.clipGradNorm, [p.listed(p.any({ anyFloat: true }), true), p.number(0)], clipped, {
    options: { normType: p.number(0) },
  }),
  op('clipGradValue', optim.clipGradValue, [p.listed(p.any({ anyFloat: true }), true), p.number(0)], (r) =>
    clipped(r).slice(0, 2),
  ),
]

function clipped(r: Random): unknown[] {
  const param = floats(r, r.shape()).detach()
  param.grad = floats(r, param.shape).detach()
  return [[param], 1, r.options({ normType: r.pick([2, 1, Infinity]) })]
}

export const modules: readonly Operation[] = [
  ...gradients,
  ...layers,
  ...optimizers.map((o) => ({ ...o, says: [o.name, 'Adam', 'grad'] })),
]
