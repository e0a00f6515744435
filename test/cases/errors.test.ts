// Wrong calls: the error comes at the call, has its code, says what was expected and what came, and breaks nothing.
import {
  add,
  backward,
  concat,
  conv2d,
  crossEntropy,
  DTypeError,
  dropout,
  expand,
  grad,
  linear,
  manualSeed,
  matmul,
  max,
  maxPool2d,
  narrow,
  nn,
  noGrad,
  ones,
  optim,
  permute,
  pow,
  QuernError,
  randn,
  reshape,
  setThreads,
  slice,
  softmax,
  stack,
  sum,
  type Tensor,
  tensor,
  where,
  zeros,
} from 'quern'
import { expect, test } from 'vitest'

const x = ones([8, 32, 28, 28])
const ints = tensor(Int32Array.of(1, 2, 3))
const anything = (v: unknown) => v as never

const wrong: [string, () => unknown, string, RegExp][] = [
  [
    'shapes that do not broadcast',
    () => add(ones([2, 3]), ones([4])),
    'ERR_QUERN_SHAPE',
    /^add: expected shapes that broadcast together, got 2×3 and 4/,
  ],
  [
    'an integer operand',
    () => pow(anything(ints), 2),
    'ERR_QUERN_DTYPE',
    /^pow: expected a to be float32 or float64, got int32/,
  ],
  [
    'two dtypes',
    () => add(ones([2]), anything(ones([2], { dtype: 'float64' }))),
    'ERR_QUERN_DTYPE',
    /^add: .* one dtype, got float32 and float64/,
  ],
  [
    'no tensor at all',
    () => matmul(anything(3), ones([2])),
    'ERR_QUERN_ARGUMENT',
    /^matmul: expected a to be a tensor, got number/,
  ],
  ['null', () => sum(anything(null)), 'ERR_QUERN_ARGUMENT', /^sum: expected x to be a tensor, got null/],
  [
    'wrong channels',
    () => conv2d(x, ones([128, 64, 3, 3])),
    'ERR_QUERN_SHAPE',
    /^conv2d: expected input channels to equal weight\.shape\[1\] \* groups = 64, got 32 \(input 8×32×28×28, weight 128×64×3×3\)$/,
  ],
  [
    'a wrong rank',
    () => conv2d(ones([8, 8]), ones([4, 3, 3, 3])),
    'ERR_QUERN_SHAPE',
    /^conv2d: expected x \(N,C,H,W\) or \(C,H,W\), got 8×8$/,
  ],
  [
    'a kernel larger than the input',
    () => conv2d(x, ones([4, 32, 40, 3])),
    'ERR_QUERN_SHAPE',
    /^conv2d: expected a kernel of 1 to 28/,
  ],
  [
    'a stride of 0',
    () => conv2d(x, ones([4, 32, 3, 3]), { stride: 0 }),
    'ERR_QUERN_ARGUMENT',
    /stride to be an integer of at least 1, got 0/,
  ],
  [
    'a wrong bias',
    () => conv2d(x, ones([4, 32, 3, 3]), { bias: ones([5]) }),
    'ERR_QUERN_SHAPE',
    /bias of weight\.shape\[0\] = 4 elements, got 5/,
  ],
  [
    'groups that do not divide',
    () => conv2d(ones([1, 4, 5, 5]), ones([3, 2, 3, 3]), { groups: 2 }),
    'ERR_QUERN_ARGUMENT',
    /groups to divide weight\.shape\[0\] = 3, got 2/,
  ],
  [
    'padding beyond half the kernel',
    () => maxPool2d(x, 2, { padding: 2 }),
    'ERR_QUERN_ARGUMENT',
    /padding of at most half/,
  ],
  [
    'a pool larger than the input',
    () => maxPool2d(x, 29),
    'ERR_QUERN_SHAPE',
    /^maxPool2d: expected a kernel of 1 to 28/,
  ],
  [
    'inner sizes',
    () => matmul(ones([2, 3]), ones([4, 5])),
    'ERR_QUERN_SHAPE',
    /^matmul: expected a\.shape\[-1\] to equal b\.shape\[-2\] = 4, got 3 \(a 2×3, b 4×5\)/,
  ],
  ['a scalar in matmul', () => matmul(ones([]), ones([2])), 'ERR_QUERN_SHAPE', /^matmul: .* got scalar and 2/],
  [
    'features',
    () => linear(ones([2, 3]), ones([4, 5])),
    'ERR_QUERN_SHAPE',
    /^linear: expected x\.shape\[-1\] to equal weight\.shape\[1\] = 5, got 3/,
  ],
  [
    'targets of a wrong dtype',
    () => crossEntropy(ones([2, 3]), anything(ones([2], { dtype: 'uint8' }))),
    'ERR_QUERN_DTYPE',
    /^crossEntropy: expected target to be int32, got uint8/,
  ],
  [
    'targets of another shape',
    () => crossEntropy(ones([2, 3]), ints),
    'ERR_QUERN_SHAPE',
    /^crossEntropy: expected target of shape 2 for logits 2×3, got 3/,
  ],
  [
    'an unknown reduction',
    () => crossEntropy(ones([3, 3]), ints, { reduction: anything('avg') }),
    'ERR_QUERN_ARGUMENT',
    /reduction to be 'mean', 'sum' or 'none', got "avg"/,
  ],
  [
    'a dim out of range',
    () => sum(ones([2, 3]), { dim: 2 }),
    'ERR_QUERN_SHAPE',
    /^sum: expected dim from -2 to 1, got 2/,
  ],
  ['a dim twice', () => sum(ones([2, 3]), { dim: [0, -2] }), 'ERR_QUERN_SHAPE', /^sum: expected distinct dims/],
  ['softmax over no such dim', () => softmax(ones([2, 3]), { dim: 5 }), 'ERR_QUERN_SHAPE', /^softmax: /],
  [
    'the maximum of nothing',
    () => max(ones([0, 3]), { dim: 0 }),
    'ERR_QUERN_SHAPE',
    /^max: expected at least one element/,
  ],
  [
    'a reshape of another size',
    () => reshape(ones([2, 3]), [4]),
    'ERR_QUERN_SHAPE',
    /^reshape: expected a shape of 6 elements in at most 16 dimensions \(input 2×3\), got \[4\]/,
  ],
  ['a reshape with two unknowns', () => reshape(ones([2, 3]), [-1, -1]), 'ERR_QUERN_SHAPE', /^reshape: /],
  [
    'too many dimensions',
    () => zeros(new Array(17).fill(1)),
    'ERR_QUERN_SHAPE',
    /^zeros: expected at most 16 dimensions, got 17/,
  ],
  ['a permutation with a repeat', () => permute(ones([2, 3]), [0, 0]), 'ERR_QUERN_SHAPE', /^permute: /],
  ['an expansion of a real dimension', () => expand(ones([2, 3]), [4, 3]), 'ERR_QUERN_SHAPE', /^expand: /],
  ['a narrow beyond the end', () => narrow(ones([4]), 0, 2, 3), 'ERR_QUERN_SHAPE', /^narrow: /],
  ['a step of 0', () => slice(ones([4]), 0, 0, 4, 0), 'ERR_QUERN_ARGUMENT', /^slice: expected step/],
  ['concat of nothing', () => concat([]), 'ERR_QUERN_SHAPE', /^concat: expected at least one tensor/],
  [
    'concat of other shapes',
    () => concat([ones([2, 3]), ones([2, 4])]),
    'ERR_QUERN_SHAPE',
    /^concat: expected shapes equal but for dim 0, got 2×3 and 2×4/,
  ],
  ['stack of other shapes', () => stack([ones([2]), ones([3])]), 'ERR_QUERN_SHAPE', /^stack: /],
  [
    'a condition that is no bool',
    () => where(anything(ones([2])), ones([2]), 0),
    'ERR_QUERN_DTYPE',
    /^where: expected condition to be bool, got float32/,
  ],
  [
    'a probability above 1',
    () => dropout(x, { p: 1.5 }),
    'ERR_QUERN_ARGUMENT',
    /^dropout: expected p to be a number from 0 to 1, got 1.5/,
  ],
  [
    'values that do not fill the shape',
    () => tensor([1, 2, 3], { shape: [2, 2] }),
    'ERR_QUERN_SHAPE',
    /^tensor: expected 4 values for shape 2×2, got 3/,
  ],
  [
    'ragged rows',
    () => tensor([[1, 2], [3]]),
    'ERR_QUERN_SHAPE',
    /^tensor: expected rows of one shape, got 2 at 0 and 1 at 1/,
  ],
  [
    'a string',
    () => tensor(anything('abc')),
    'ERR_QUERN_ARGUMENT',
    /^tensor: expected numbers, nested arrays or a typed array, got string/,
  ],
  [
    'an unknown dtype',
    () => zeros([2], { dtype: anything('float16') }),
    'ERR_QUERN_DTYPE',
    /expected dtype to be one of float32, .*, got float16/,
  ],
  [
    'a negative size',
    () => zeros([-1]),
    'ERR_QUERN_SHAPE',
    /^zeros: expected a shape of non-negative integers below 2³¹, got \[-1\]/,
  ],
  [
    'a gradient of integers',
    () => tensor([1], { dtype: 'int32', requiresGrad: true }),
    'ERR_QUERN_DTYPE',
    /requiresGrad/,
  ],
  [
    'backward of many elements',
    () => backward(add(tensor([1, 2], { requiresGrad: true }), 1)),
    'ERR_QUERN_SHAPE',
    /^backward: expected a tensor of one element, or a gradient of shape 2/,
  ],
  [
    'backward of a constant',
    () => backward(ones([])),
    'ERR_QUERN_STATE',
    /^backward: expected a tensor that depends on one with requiresGrad/,
  ],
  [
    'grad of what is not in the graph',
    () => grad(sum(tensor([1], { requiresGrad: true })), [tensor([2], { requiresGrad: true })]),
    'ERR_QUERN_STATE',
    /^grad: expected output to depend on inputs\[0\]/,
  ],
  ['an optimizer of nothing', () => new optim.SGD([]), 'ERR_QUERN_ARGUMENT', /^SGD: expected at least one parameter/],
  [
    'a negative learning rate',
    () => new optim.AdamW([tensor([1], { requiresGrad: true })], { lr: -1 }),
    'ERR_QUERN_ARGUMENT',
    /lr to be a number of at least 0, got -1/,
  ],
  [
    'a beta of 1',
    () => new optim.Adam([tensor([1], { requiresGrad: true })], { betas: [1, 0.9] }),
    'ERR_QUERN_ARGUMENT',
    /betas\[0\]/,
  ],
  [
    'nesterov without momentum',
    () => new optim.SGD([tensor([1], { requiresGrad: true })], { nesterov: true }),
    'ERR_QUERN_ARGUMENT',
    /nesterov/,
  ],
  [
    'a layer of no channels',
    () => new nn.Conv2d(0, 3, 3),
    'ERR_QUERN_ARGUMENT',
    /^Conv2d: expected inChannels to be an integer of at least 1, got 0/,
  ],
  [
    'a container of no modules',
    () => new nn.Sequential(anything('relu')),
    'ERR_QUERN_ARGUMENT',
    /^Sequential: expected modules, got string at 0/,
  ],
  [
    'no threads',
    () => setThreads(0),
    'ERR_QUERN_ARGUMENT',
    /^setThreads: expected threads to be an integer from 1 to 1024, got 0/,
  ],
  ['a seed that is no number', () => manualSeed(Number.NaN), 'ERR_QUERN_ARGUMENT', /^manualSeed: /],
  [
    'item of many',
    () => ones([2]).itemSync(),
    'ERR_QUERN_SHAPE',
    /^itemSync: expected a tensor of one element, got shape 2/,
  ],
]

test.each(wrong)('%s', async (_, call, code, message) => {
  let error: unknown
  try {
    call()
  } catch (e) {
    error = e
  }
  expect(error).toBeInstanceOf(QuernError)
  expect((error as QuernError).code).toBe(code)
  expect((error as QuernError).message).toMatch(message)
  // The engine is as usable as before.
  expect(await add(ones([3]), 1).data()).toEqual(Float32Array.of(2, 2, 2))
})

test('use after dispose names the tensor and the remedy', () => {
  const t = ones([2, 3])
  t.dispose()
  t.dispose() // twice is allowed
  expect(() => add(t, 1)).toThrow(/add: expected a live tensor, got float32 2×3 that was disposed/)
})

test('what a scope or module call made and did not return is told from what it returned', async () => {
  let inner: Tensor | undefined
  class Leaky extends nn.Module {
    forward(x: Tensor) {
      inner = add(x, 1)
      return add(inner, 1)
    }
  }
  const y = new Leaky().forward(ones([2]))
  expect(await y.data()).toEqual(Float32Array.of(3, 3))
  expect(() => add(inner as never, 1)).toThrow(/module call .* that made it did not return it/)
})

test('backward twice needs retainGraph', async () => {
  const w = tensor([2, 3], { requiresGrad: true })
  const loss = sum(w.mul(w))
  loss.backward({ retainGraph: true })
  loss.backward()
  expect(await w.grad?.data()).toEqual(Float32Array.of(8, 12))
  expect(() => loss.backward()).toThrow(
    /expected a graph that backward has not consumed, but sum was run through before/,
  )
})

test('a parameter changed in place between forward and backward is told', () => {
  const w = tensor([2, 3], { requiresGrad: true })
  const optimizer = new optim.SGD([w], { lr: 0.1 })
  sum(w.mul(w)).backward()
  const loss = sum(w.mul(w))
  optimizer.step()
  expect(() => loss.backward()).toThrow(/a tensor that mul needs was changed in place/)
})

test('out of memory rejects the next await, names the call site, and leaves the engine usable', async () => {
  const huge = noGrad(() => zeros([2 ** 20, 2 ** 20]))
  const dependent = sum(huge)
  await expect(dependent.item()).rejects.toThrow(/expected 4\.0 TiB of memory.*errors\.test/s)
  await expect(dependent.item()).rejects.toThrow(/holds no value, because an earlier operation it depends on failed/)
  await expect(huge.data()).rejects.toMatchObject({ code: 'ERR_QUERN_MEMORY' })
  huge.dispose()
  dependent.dispose()
  expect(await randn([3]).size).toBe(3)
  expect(await add(ones([3]), 1).data()).toEqual(Float32Array.of(2, 2, 2))
})

test('loadStateDict takes all or nothing', async () => {
  const model = new nn.Sequential(new nn.Linear(2, 3), new nn.Linear(3, 1))
  const before = await model.parameters()[0]?.data()
  const dict = model.stateDict()
  expect(() => model.loadStateDict({ ...dict, '1.weight': ones([3, 1]) })).toThrow(
    /expected 1\.weight of shape 1×3, got 3×1/,
  )
  const { '0.weight': _, ...rest }: nn.StateDict = { ...dict, extra: ones([1]) }
  expect(() => model.loadStateDict(rest)).toThrow(/missing: 0\.weight; unexpected: extra/)
  expect(await model.parameters()[0]?.data()).toEqual(before)
  model.loadStateDict({ '0.bias': ones([3]) }, { strict: false })
  expect(await model.parameters()[1]?.data()).toEqual(Float32Array.of(1, 1, 1))
  expect(new DTypeError('x').code).toBe('ERR_QUERN_DTYPE')
})
