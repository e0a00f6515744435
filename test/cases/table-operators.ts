// Cases of the activations, losses, indexing and rearrangement.
import {
  add,
  bceLoss,
  bceWithLogitsLoss,
  chunk,
  concat,
  crossEntropy,
  cumsum,
  elu,
  embedding,
  erf,
  expm1,
  flip,
  gather,
  gelu,
  hardsigmoid,
  hardswish,
  hardtanh,
  hingeLoss,
  indexSelect,
  klDivLoss,
  l1Loss,
  leakyRelu,
  log1p,
  logSigmoid,
  mul,
  multiMarginLoss,
  nllLoss,
  pad,
  relu6,
  repeat,
  scatterAdd,
  selu,
  silu,
  smoothL1Loss,
  softmax,
  softplus,
  softsign,
  split,
  sub,
  tensor,
  tile,
  topk,
} from 'quern'
import type { F, Input, OpCase } from './table.js'

const I = (...shape: number[]): Input => ({ shape })
const indices = (n: number, ...shape: number[]) =>
  tensor(
    Int32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => (i * 7 + 3) % n),
    { shape },
  )

export function operatorCases(
  op: (name: string, inputs: Input[], run: OpCase['run'], tolerance?: number) => void,
  shapes: readonly Input[],
  label: (input: Input) => string,
): void {
  // ---- activations
  const unary: Record<string, [(x: F) => F, Partial<Input>?]> = {
    expm1: [expm1, { low: -4, high: 3 }],
    log1p: [log1p, { low: -0.8, high: 5 }],
    erf: [erf, { low: -3, high: 3 }],
    silu: [silu, { low: -8, high: 8 }],
    gelu: [gelu, { low: -6, high: 6 }],
    'gelu tanh': [(x) => gelu(x, { approximate: 'tanh' }), { low: -6, high: 6 }],
    hardswish: [hardswish, { low: -5, high: 5 }],
    hardsigmoid: [hardsigmoid, { low: -5, high: 5 }],
    hardtanh: [hardtanh],
    relu6: [relu6, { low: -3, high: 9 }],
    leakyRelu: [leakyRelu],
    elu: [(x) => elu(x, { alpha: 0.7 }), { low: -5, high: 2 }],
    selu: [selu, { low: -5, high: 2 }],
    softplus: [softplus, { low: -30, high: 30 }],
    'softplus with options': [(x) => softplus(x, { beta: 3, threshold: 2 })],
    logSigmoid: [logSigmoid, { low: -30, high: 30 }],
    softsign: [softsign],
  }
  for (const [name, [run, range]] of Object.entries(unary)) {
    for (const s of shapes) op(`${name} ${label(s)}`, [{ ...s, ...range }], run)
  }
  op('expm1 of little', [{ shape: [99], low: -1e-4, high: 1e-4 }], expm1)
  op('log1p of little', [{ shape: [99], low: -1e-4, high: 1e-4 }], log1p)
  op('gelu of much', [{ shape: [99], low: -50, high: 50 }], (x) => gelu(x))

  // ---- losses
  const unit = (...shape: number[]): Input => ({ shape, low: 0.05, high: 0.95 })
  for (const reduction of ['mean', 'sum', 'none'] as const) {
    const o = { reduction }
    op(`l1Loss ${reduction}`, [I(6, 5), I(6, 5)], (a, b) => l1Loss(a, b, o))
    op(`smoothL1Loss ${reduction}`, [I(6, 5), I(6, 5)], (a, b) => smoothL1Loss(a, b, { beta: 0.7, ...o }))
    op(`bceLoss ${reduction}`, [unit(6, 5), unit(6, 5)], (a, b) => bceLoss(a, b, o))
    op(`bceWithLogitsLoss ${reduction}`, [I(6, 5), unit(6, 5), unit(5), unit(6, 1)], (a, b, posWeight, weight) =>
      bceWithLogitsLoss(a, b, { posWeight, weight, ...o }),
    )
    op(`klDivLoss ${reduction}`, [I(6, 5), unit(6, 5)], (a, b) => klDivLoss(a, b, o))
    op(`nllLoss ${reduction}`, [I(6, 10)], (x) => nllLoss(x, indices(10, 6), o))
    op(`nllLoss weighted ${reduction}`, [I(6, 4)], (x) =>
      nllLoss(x, indices(4, 6), { weight: tensor([0.5, 2, 1, 0.25], { dtype: x.dtype }), ignoreIndex: 3, ...o }),
    )
    op(`hingeLoss ${reduction}`, [I(6, 5)], (x) => hingeLoss(x, indices(5, 6), { margin: 0.8, ...o }))
    op(`multiMarginLoss ${reduction}`, [I(6, 5)], (x) => multiMarginLoss(x, indices(5, 6), { p: 2, ...o }))
    op(`crossEntropy of probabilities ${reduction}`, [I(6, 5), I(6, 5)], (x, t) =>
      crossEntropy(x, softmax(t, { dim: 1 }), { labelSmoothing: 0.1, ...o }),
    )
  }
  op('klDivLoss batchmean of logarithms', [I(6, 5), I(6, 5)], (a, b) =>
    klDivLoss(a, b, { reduction: 'batchmean', logTarget: true }),
  )
  op('nllLoss of an image', [{ shape: [2, 5, 3, 4], memory: [0, 2, 3, 1] }], (x) => nllLoss(x, indices(5, 2, 3, 4)))
  op('hingeLoss of permuted scores', [{ shape: [7, 11], memory: [1, 0] }], (x) => hingeLoss(x, indices(11, 7)))

  // ---- indexing
  for (const [x, dim] of [
    [I(7), 0],
    [I(5, 3), 0],
    [I(5, 3), 1],
    [I(2, 5, 3), 1],
    [I(0, 3), 1],
    [{ shape: [3, 5, 4], memory: [2, 0, 1] }, -2],
    [I(11, 600), 0],
    [I(300, 301), 1],
  ] as [Input, number][]) {
    const n = x.shape.at(dim) as number
    const size = (m: number) => x.shape.map((k, d) => (d === (dim + x.shape.length) % x.shape.length ? m : k))
    op(`indexSelect ${label(x)} dim ${dim}`, [x], (t) => indexSelect(t, dim, indices(n, n + 2)))
    op(`indexSelect of nothing ${label(x)} dim ${dim}`, [x], (t) => indexSelect(t, dim, indices(n, 0)))
    op(`gather ${label(x)} dim ${dim}`, [x], (t) => gather(t, dim, indices(n, ...size(4))))
    op(`scatterAdd ${label(x)} dim ${dim}`, [x, I(...size(4))], (t, s) => scatterAdd(t, dim, indices(n, ...size(4)), s))
    op(`cumsum ${label(x)} dim ${dim}`, [x], (t) => cumsum(t, { dim }))
    op(`flip ${label(x)} dim ${dim}`, [x], (t) => flip(t, dim))
    op(`chunk ${label(x)} dim ${dim}`, [x], (t) => concat(chunk(t, 2, dim).toReversed(), dim))
    op(`pad ${label(x)}`, [x], (t) => pad(t, [2, 1], { value: 0.5 }))
    op(`tile ${label(x)}`, [x], (t) => tile(t, [3]))
    if (n > 0) {
      op(`topk ${label(x)} dim ${dim}`, [x], (t) => topk(t, Math.min(3, n), { dim }).values)
      op(`smallest ${label(x)} dim ${dim}`, [x], (t) => topk(t, n, { dim, largest: false }).values)
    }
  }
  op('gather of a part', [I(5, 4, 3)], (x) => gather(x, 1, indices(4, 2, 6, 2)))
  op('scatterAdd of a part', [I(5, 4, 3), I(3, 7, 3)], (x, s) => scatterAdd(x, 1, indices(4, 2, 6, 2), s))
  op('embedding', [I(6, 3)], (w) => embedding(indices(6, 2, 5), w))
  op('embedding used twice', [I(6, 33)], (w) => add(embedding(indices(6, 4), w), embedding(indices(5, 4), w)))
  op('split by sizes', [I(7, 3)], (x) => {
    const [a, b, c] = split(x, [2, 3, 2]) as [F, F, F]
    return mul(sub(a, c), b.sum())
  })
  op('pad around an image', [{ shape: [2, 3, 4, 5], memory: [0, 2, 3, 1] }], (x) => pad(x, [1, 2, 3, 0]))
  op('pad cutting off', [I(5, 6)], (x) => pad(x, [-1, 2, 1, -3]))
  op('pad reflect', [I(2, 4, 5)], (x) => pad(x, [4, 2, 1, 3], { mode: 'reflect' }))
  op('pad replicate', [I(2, 4, 5)], (x) => pad(x, [1, 7, 2, 0], { mode: 'replicate' }))
  op('pad circular', [I(2, 4, 5)], (x) => pad(x, [4, 5, 1, 3], { mode: 'circular' }))
  op('pad circular around an image', [{ shape: [2, 3, 4, 5], memory: [0, 2, 3, 1] }], (x) =>
    pad(x, [1, 2, 3, 0], { mode: 'circular' }),
  )
  op('flip of all', [{ shape: [3, 5, 4], memory: [2, 0, 1] }], (x) => flip(x, [0, 1, 2]))
  op('tile everywhere', [{ shape: [3, 5, 4], memory: [2, 0, 1] }], (x) => tile(x, [2, 1, 3]))
  op('repeat', [I(2, 3)], (x) => repeat(x, [2, 2, 1]))
}
