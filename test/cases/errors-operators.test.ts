// Wrong calls of activations, losses, indexing and rearrangement.
import {
  abs,
  add,
  all,
  any,
  argmax,
  bceLoss,
  bernoulli,
  chunk,
  clamp,
  crossEntropy,
  cumsum,
  div,
  elu,
  embedding,
  flip,
  gather,
  gelu,
  hardtanh,
  hingeLoss,
  indexSelect,
  klDivLoss,
  l1Loss,
  leakyRelu,
  logicalXor,
  max,
  min,
  multiMarginLoss,
  neg,
  nllLoss,
  nn,
  oneHot,
  ones,
  pad,
  prod,
  QuernError,
  randperm,
  repeat,
  scatterAdd,
  sign,
  smoothL1Loss,
  softplus,
  split,
  square,
  sum,
  tensor,
  tile,
  topk,
} from 'quern'
import { expect, test } from 'vitest'

const ints = tensor(Int32Array.of(1, 2, 3))
const anything = (v: unknown) => v as never
const x = ones([2, 3])
const pair = ones([2])

const dead = tensor(Int32Array.of(1))
dead.dispose()
const circular = new nn.Conv2d(1, 1, 3, { padding: 1, paddingMode: 'circular' })

const wrong: [() => unknown, string, RegExp][] = [
  [() => gelu(anything(ints)), 'DTYPE', /^gelu: expected x to be float32 or float64, got int32/],
  [() => gelu(x, anything({ approximate: 'erf' })), 'ARGUMENT', /^gelu: expected approximate to be 'none' or 'tanh'/],
  [() => new nn.GELU(anything({ approximate: 1 })), 'ARGUMENT', /^gelu: expected approximate .* got 1/],
  [() => elu(x, { alpha: NaN }), 'ARGUMENT', /^elu: expected alpha to be a number/],
  [() => leakyRelu(x, anything({ negativeSlope: 'a' })), 'ARGUMENT', /^leakyRelu: expected negativeSlope/],
  [() => softplus(x, { beta: 0 }), 'ARGUMENT', /^softplus: expected beta other than 0/],
  [() => hardtanh(x, { minVal: 2 }), 'ARGUMENT', /^hardtanh: expected maxVal to be a number of at least 2, got 1/],
  [() => nllLoss(x, ints), 'SHAPE', /^nllLoss: expected target of shape 2 for input 2×3, got 3/],
  [() => nllLoss(x, anything(ones([2]))), 'DTYPE', /^nllLoss: expected target to be int32, got float32/],
  [() => nllLoss(ones([3, 3]), ints, { weight: ones([2]) }), 'SHAPE', /^nllLoss: expected weight of 3 elements, got 2/],
  [() => l1Loss(x, anything(ints)), 'DTYPE', /^l1Loss: expected target to be float32 or float64, got int32/],
  [() => smoothL1Loss(x, x, { beta: -1 }), 'ARGUMENT', /^smoothL1Loss: expected beta to be a number of at least 0/],
  [() => bceLoss(x, ones([3])), 'SHAPE', /^bceLoss: expected target of the input's shape 2×3, got 3/],
  [() => klDivLoss(x, x, anything({ reduction: 'max' })), 'ARGUMENT', /^klDivLoss: expected reduction .*'batchmean'/],
  [() => hingeLoss(ones([3, 3, 2]), ones([3, 2]).to('int32')), 'SHAPE', /^hingeLoss: expected input \(N,C\) or \(C\)/],
  [() => multiMarginLoss(ones([3, 3]), ints, { p: 3 }), 'ARGUMENT', /^multiMarginLoss: expected p to be 1 or 2, got 3/],
  [() => crossEntropy(x, pair), 'SHAPE', /^crossEntropy: expected target of the input's shape 2×3, got 2/],
  [
    () => crossEntropy(x, x, { ignoreIndex: 1 }),
    'ARGUMENT',
    /^crossEntropy: expected no ignoreIndex beside class prob/,
  ],
  [() => indexSelect(x, 2, ints), 'SHAPE', /^indexSelect: expected dim from -2 to 1, got 2/],
  [() => indexSelect(x, 0, anything(x)), 'DTYPE', /^indexSelect: expected index to be int32/],
  [() => indexSelect(x, 0, ints.reshape([1, 3])), 'SHAPE', /^indexSelect: expected index \(M\) with 1 dimensions/],
  [() => gather(x, 0, ints), 'SHAPE', /^gather: expected index within the shape of x 2×3 but for dim 0, got 3/],
  [
    () => gather(x, 0, ints.reshape([1, 3]).expand([1, 3]).reshape([3, 1]).tile([1, 4])),
    'SHAPE',
    /^gather: .* got 3×4/,
  ],
  [() => scatterAdd(x, 1, ints.reshape([1, 3]), ones([1, 2])), 'SHAPE', /^scatterAdd: .* of source 1×2, got 1×3/],
  [
    () => scatterAdd(x, 1, ints.reshape([1, 3]), anything(ints)),
    'DTYPE',
    /^scatterAdd: expected operands of one dtype/,
  ],
  [() => embedding(ints, ones([3])), 'SHAPE', /^embedding: expected weight \(V,E\) with 2 dimensions/],
  [() => embedding(ints, x, { paddingIdx: 2 }), 'ARGUMENT', /^embedding: expected paddingIdx .* from -2 to 1, got 2/],
  [() => new nn.Embedding(3, 2, { paddingIdx: 3 }), 'ARGUMENT', /^Embedding: expected paddingIdx/],
  [() => oneHot(ints, 0), 'ARGUMENT', /^oneHot: expected numClasses to be an integer of at least 1/],
  [() => topk(x, 4), 'ARGUMENT', /^topk: expected k to be an integer from 0 to 3, got 4/],
  [() => cumsum(x, anything(undefined)), 'SHAPE', /^cumsum: expected dim from -2 to 1, got undefined/],
  [() => split(x, [1, 1], 1), 'SHAPE', /^split: expected sizes that add up to shape\[1\] = 3, got 1 \+ 1 = 2/],
  [() => split(x, 0), 'ARGUMENT', /^split: expected sizes to be an integer of at least 1/],
  [() => chunk(x, 0), 'ARGUMENT', /^chunk: expected chunks/],
  [() => pad(x, [1]), 'ARGUMENT', /^pad: expected pads in pairs, at most 2 of them/],
  [() => pad(x, [1, 1, 1, 1, 1, 1]), 'ARGUMENT', /^pad: expected pads in pairs/],
  [() => pad(x, [-2, -2]), 'SHAPE', /^pad: expected pads that leave something of shape\[1\] = 3/],
  [() => pad(x, [3, 0], { mode: 'reflect' }), 'SHAPE', /^pad: expected pads of at most 2 around shape\[1\] = 3/],
  [() => pad(x, [1, 0], anything({ mode: 'around' })), 'ARGUMENT', /^pad: expected mode/],
  [() => pad(x, [4, 0], { mode: 'circular' }), 'SHAPE', /^pad: expected pads of at most 3 around shape\[1\] = 3/],
  [() => flip(x, [0, 0]), 'SHAPE', /^flip: expected distinct dims/],
  [() => tile(x, [-1]), 'ARGUMENT', /^tile: expected repeats/],
  [() => repeat(x, [2]), 'SHAPE', /^repeat: expected at least 2 repeats \(input 2×3\), got \[2\]/],
  [() => add(ints, 0.5), 'ARGUMENT', /^add: expected the number beside an int32 tensor to be an integer/],
  ...Object.entries({ neg, abs, sign, square, sum, prod, max, min, argmax, any }).map(
    ([name, f]): [() => unknown, string, RegExp] => [
      () => (f as (x: typeof dead) => unknown)(dead),
      'STATE',
      new RegExp(`^${name}: expected a live tensor, got int32`),
    ],
  ),
  [() => div(dead, 2), 'STATE', /^div: expected a live tensor/],
  [() => sum(ints, anything(null)), 'ARGUMENT', /^sum: expected options in an object, got null/],
  [() => max(ints, anything({ keepdim: 'yes' })), 'ARGUMENT', /^max: expected keepdim to be true or false, got "yes"/],
  [() => all(x, { dim: 2 }), 'SHAPE', /^all: expected dim from -2 to 1, got 2/],
  [() => clamp(ints, NaN), 'ARGUMENT', /^clamp: expected min of int32 to be an integer .* got NaN/],
  [() => logicalXor(x, pair), 'SHAPE', /^logicalXor: expected shapes that broadcast together/],
  [() => circular.forward(pair), 'SHAPE', /^conv2d: expected x \(N,C,H,W\) or \(C,H,W\), got 2/],
  [() => circular.forward(anything(null)), 'ARGUMENT', /^conv2d: expected x to be a tensor, got null/],
  [() => circular.forward(ones([1, 2, 0])), 'SHAPE', /^pad: expected pads of at most 0 around/],
  [() => ones([2]).clamp_(0, anything('x')), 'ARGUMENT', /^clamp_: expected max to be a number, got "x"/],
  [() => ones([2]).add_(1, anything({ alpha: 'x' })), 'ARGUMENT', /^add_: expected alpha to be a number, got "x"/],
  [() => randperm(-1), 'ARGUMENT', /^randperm: expected n to be an integer of at least 0/],
  [() => bernoulli(anything(ints)), 'DTYPE', /^bernoulli: expected p to be float32 or float64/],
]

test.each(wrong.map(([call, code, message]) => [message.source, call, code, message] as const))(
  '%s',
  (_, call, code, message) => {
    let error: unknown
    try {
      call()
    } catch (e) {
      error = e
    }
    expect(error).toBeInstanceOf(QuernError)
    expect((error as QuernError).message).toMatch(message)
    expect((error as QuernError).code).toBe(`ERR_QUERN_${code}`)
  },
)
