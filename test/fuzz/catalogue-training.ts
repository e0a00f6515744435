// Gradients, and optimisers stepped once.
import { backward, grad, keep, onesLike, optim, square, type Tensor } from 'quern'
import { type Operation, op } from './operation.js'
import * as p from './parameters.js'
import type { Random } from './random.js'
import { floats } from './tensors.js'

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

export const training: readonly Operation[] = [
  ...gradients,
  ...optimizers.map((o) => ({ ...o, says: [o.name, 'Adam', 'grad'] })),
]
