// Sizes at and beyond the edge: nothing at all, and more than there can be.
import * as q from 'quern'
import { afterEach, expect, test } from 'vitest'

const most = 2 ** 31 - 1
const image = q.ones([1, 3, 5, 5])
const kernel = q.ones([2, 3, 3, 3])

afterEach(async () => {
  expect(await q.add(q.ones([3]), 1).data()).toEqual(Float32Array.of(2, 2, 2))
})

test('a view of nothing can be read, wherever it begins', async () => {
  const nothing = q.ones([4, 0])
  expect(await q.narrow(nothing, 0, 2, 2).data()).toEqual(new Float32Array(0))
  expect(q.permute(q.slice(q.ones([3, 0, 5]), 2, 1, 5), [2, 0, 1]).arraySync()).toEqual([
    ...new Array(4).fill([[], [], []]),
  ])
  expect(await q.split(q.ones([0, 5]), 1, 1)[4]?.data()).toEqual(new Float32Array(0))
})

test('more elements than commands can name are out of memory, and so is every part of them', async () => {
  for (const shape of [
    [2 ** 16, 2 ** 16],
    [2 ** 30, 2 ** 30, 2 ** 30],
  ]) {
    const huge = q.zeros(shape, { dtype: 'uint8' })
    const corner = q
      .slice(q.slice(huge, 0, 5, 6), 1, 7, 8)
      .to('float32')
      .sum()
    await expect(corner.item()).rejects.toThrow(q.QuernError)
    await expect(huge.data()).rejects.toThrow(q.QuernError)
  }
  await q.synchronize()
})

const tooMuch: [string, () => unknown, RegExp][] = [
  ['a view', () => q.expand(q.ones([1, 1]), [2 ** 16, 2 ** 16]), /^expand: expected a shape of at most 2147483647/],
  ['a dimension', () => q.zeros([2 ** 31]), /^zeros: expected a shape of non-negative integers below 2³¹/],
  ['a range', () => q.arange(0, 2 ** 31), /^arange: expected at most 2147483647 values, got 2147483648/],
  ['an identity', () => q.eye(most, most), /^eye: expected room for the values/],
  ['classes', () => q.oneHot(q.tensor(Int32Array.of(1, 2)), most), /^oneHot: expected at most 2147483647 elements/],
  ['padding', () => q.conv2d(image, kernel, { padding: most, stride: most }), /^conv2d: expected a padded image/],
  ['dilation', () => q.conv2d(image, kernel, { padding: 'same', dilation: most }), /^conv2d: expected a padded image/],
  [
    'a stride',
    () => q.convTranspose2d(q.ones([1, 2, 5, 5]), kernel, { stride: most }),
    /^convTranspose2d: expected a padd/,
  ],
]

test.each(tooMuch)('too much: %s', (_, call, message) => {
  expect(call).toThrow(message)
  expect(call).toThrow(q.QuernError)
})

test('a random state that is none changes nothing', () => {
  const before = q.randomState()
  expect(() => q.setRandomState({ seed: 1 } as never)).toThrow(/^setRandomState: expected what randomState\(\) gave/)
  expect(q.randomState()).toEqual(before)
})

test('the gradient of a leaf with gaps, or with one entry for many elements, has memory of its own', async () => {
  const gaps = q.slice(q.tensor([0, 1, 2, 3, 4, 5, 6, 7]), 0, 1, 8, 2)
  const repeated = q.expand(q.tensor([2]), [3])
  for (const leaf of [gaps, repeated]) {
    leaf.requiresGrad = true
    for (let i = 0; i < 2; i++) q.sum(q.square(leaf)).backward()
    expect(await leaf.grad?.data()).toEqual((await leaf.data()).map((v) => 4 * v))
  }
})

test('backward adds to a gradient that was assigned, whatever its memory; one of another shape or dtype is refused', async () => {
  const w = q.tensor([1, 2, 3], { requiresGrad: true })
  w.grad = q.expand(q.tensor([10]), [3])
  q.sum(q.square(w)).backward()
  expect(await w.grad?.data()).toEqual(Float32Array.of(12, 14, 16))
  expect(() => Object.assign(w, { grad: q.ones([1]) })).toThrow(
    /^grad: expected a gradient of float32 3, got float32 1$/,
  )
  expect(() => Object.assign(w, { grad: q.tensor(Uint8Array.of(1, 2, 3)) })).toThrow(q.DTypeError)
})
