// Changes in place: values, whom they reach, when they are refused, and that backward notices.
import {
  add,
  type DType,
  expand,
  mul,
  nn,
  noGrad,
  ones,
  QuernError,
  randn,
  sum,
  type Tensor,
  tensor,
  transpose,
  zeros,
} from 'quern'
import { describe, expect, test } from 'vitest'

const values = async (t: Tensor<DType>) => [...(await t.data())]
const matrix = (requiresGrad = false) => tensor([1, -2, 3, 4, 5, -6], { shape: [2, 3], requiresGrad })
const whole = (...data: number[]) => tensor(Int32Array.from(data))

describe('values', () => {
  const cases: [string, (t: Tensor) => Tensor, number[]][] = [
    ['add_ a number', (t) => t.add_(2), [3, 0, 5, 6, 7, -4]],
    ['add_ a row', (t) => t.add_(tensor([1, 2, 3])), [2, 0, 6, 5, 7, -3]],
    ['add_ a column, scaled', (t) => t.add_(tensor([[1], [2]]), { alpha: -0.5 }), [0.5, -2.5, 2.5, 3, 4, -7]],
    ['add_ a number, scaled', (t) => t.add_(4, { alpha: 0.25 }), [2, -1, 4, 5, 6, -5]],
    ['sub_ scaled', (t) => t.sub_(ones([2, 3]), { alpha: 2 }), [-1, -4, 1, 2, 3, -8]],
    ['mul_ itself', (t) => t.mul_(t), [1, 4, 9, 16, 25, 36]],
    ['mul_ a scalar', (t) => t.mul_(tensor(3)), [3, -6, 9, 12, 15, -18]],
    ['div_', (t) => t.div_(2), [0.5, -1, 1.5, 2, 2.5, -3]],
    ['clamp_', (t) => t.clamp_(-1, 3), [1, -1, 3, 3, 3, -1]],
    ['clamp_ from below', (t) => t.clamp_(0), [1, 0, 3, 4, 5, 0]],
    ['fill_', (t) => t.fill_(7), [7, 7, 7, 7, 7, 7]],
    ['zero_', (t) => t.zero_(), [0, 0, 0, 0, 0, 0]],
    ['copy_ a row of integers', (t) => t.copy_(whole(7, 8, 9)), [7, 8, 9, 7, 8, 9]],
  ]
  test.each(cases)('%s', async (_, change, expected) => {
    const t = matrix()
    expect(change(t)).toBe(t)
    expect(await values(t)).toEqual(expected)
    const permuted = transpose(transpose(matrix(), 0, 1).contiguous(), 0, 1)
    expect(await values(change(permuted))).toEqual(expected)
  })

  test('of integers', async () => {
    const t = whole(1, -2, 2 ** 31 - 1)
    expect(await values(t.add_(whole(1, 1, 1)))).toEqual([2, -1, -(2 ** 31)])
    expect(await values(t.mul_(-1))).toEqual([-2, 1, -(2 ** 31)])
    expect(await values(t.clamp_(-1, 1))).toEqual([-1, 1, -1])
    expect(await values(t.copy_(tensor([1.9, -1.9, 1e10])))).toEqual([1, -1, 2 ** 31 - 1])
    expect(await values(tensor([0, 1], { dtype: 'bool' }).fill_(2))).toEqual([1, 1])
  })

  test('a view changes what it looks at, and no more', async () => {
    const t = zeros([3, 4])
    t.narrow(0, 1, 1).add_(1)
    t.slice(1, 0, 4, 2).add_(10)
    expect(await values(t)).toEqual([10, 0, 10, 0, 11, 1, 11, 1, 10, 0, 10, 0])
  })

  test('what is read and written at once is copied first', async () => {
    const square = tensor([1, 2, 3, 4], { shape: [2, 2] })
    expect(await values(square.add_(square.transpose(0, 1)))).toEqual([2, 5, 5, 8])
    const line = tensor([1, 2, 3, 4])
    expect(await values(line.slice(0, 1).copy_(line.slice(0, 0, 3)))).toEqual([1, 2, 3])
    expect(await values(line)).toEqual([1, 1, 2, 3])
    const row = tensor([1, 2, 3, 4], { shape: [2, 2] })
    expect(await values(row.sub_(row.narrow(0, 0, 1)))).toEqual([0, 0, 2, 2])
  })
})

describe('autograd', () => {
  const anything = (v: unknown) => v as never
  const changes: [string, (t: Tensor) => unknown][] = [
    ['add_', (t) => t.add_(1)],
    ['sub_', (t) => t.sub_(1)],
    ['mul_', (t) => t.mul_(2)],
    ['div_', (t) => t.div_(2)],
    ['clamp_', (t) => t.clamp_(0)],
    ['fill_', (t) => t.fill_(0)],
    ['zero_', (t) => t.zero_()],
    ['copy_', (t) => t.copy_(ones([2, 3]))],
  ]
  test.each(changes)('%s is refused while a gradient is recorded, and allowed inside noGrad', async (name, change) => {
    for (const t of [matrix(true), mul(matrix(true), 2)]) {
      const before = await values(t)
      const { version } = t.storage
      expect(() => change(t)).toThrow(new RegExp(`^${name}: expected no gradient to be recorded, .*noGrad`))
      expect([await values(t), t.storage.version]).toEqual([before, version])
    }
    const leaf = matrix(true)
    noGrad(() => change(leaf))
    expect(leaf.isLeaf).toBe(true)
    expect(await values(leaf)).not.toEqual(await values(matrix()))
  })

  test.each(changes)('backward notices %s', (_, change) => {
    const w = matrix(true)
    const loss = sum(mul(w, w))
    noGrad(() => change(w))
    expect(() => loss.backward()).toThrow(/^backward: a tensor that mul needs was changed in place/)
    const view = matrix(true)
    const other = sum(mul(view, view))
    change(view.detach())
    expect(() => other.backward()).toThrow(/changed in place/)
  })

  test('an operand that requires a gradient is refused too', () => {
    expect(() => matrix().add_(matrix(true))).toThrow(/^add_: expected no gradient to be recorded, got an operand/)
    expect(() => matrix().copy_(matrix(true))).toThrow(/^copy_: expected no gradient/)
  })

  test('gradient descent by hand', async () => {
    const [w, target] = [zeros([3], { requiresGrad: true }), tensor([1, -2, 0.5])]
    for (let step = 0; step < 200; step++) {
      sum(w.sub(target).square()).backward()
      noGrad(() => {
        w.sub_(w.grad as Tensor, { alpha: 0.1 })
        w.grad?.zero_()
      })
    }
    for (const [i, v] of (await values(w)).entries()) expect(v).toBeCloseTo([1, -2, 0.5][i] as number, 5)
  })

  test('a model’s weights are averaged in place', async () => {
    const [a, b] = [new nn.Linear(3, 2), new nn.Linear(3, 2)]
    const expected = await values(add(mul(a.weight, 0.9), mul(b.weight, 0.1)))
    noGrad(() => a.weight.mul_(0.9).add_(b.weight, { alpha: 0.1 }))
    for (const [i, v] of (await values(a.weight)).entries()) expect(v).toBeCloseTo(expected[i] as number, 6)
  })

  const wrong: [string, () => unknown, string, RegExp][] = [
    [
      'a larger operand',
      () => ones([3]).add_(ones([2, 3])),
      'SHAPE',
      /^add_: expected an operand that broadcasts to 3, got 2×3$/,
    ],
    ['shapes that do not fit', () => ones([3]).mul_(ones([2])), 'SHAPE', /^mul_: expected shapes that broadcast/],
    ['a larger source', () => ones([1]).copy_(ones([2])), 'SHAPE', /^copy_: expected an operand that broadcasts to 1/],
    ['two dtypes', () => ones([3]).add_(anything(whole(1, 2, 3))), 'DTYPE', /^add_: expected operands of one dtype/],
    [
      'a quotient of integers',
      () => (whole(4) as never as Tensor).div_(2),
      'DTYPE',
      /^div_: expected the tensor to be float32 or float64, got int32/,
    ],
    [
      'half of an integer',
      () => whole(4).add_(1, { alpha: 0.5 }),
      'ARGUMENT',
      /^add_: expected the number beside an int32/,
    ],
    [
      'an expanded tensor',
      () => expand(ones([1, 3]), [2, 3]).add_(1),
      'ARGUMENT',
      /^add_: expected a tensor whose elements lie apart/,
    ],
    [
      'no operand',
      () => ones([3]).add_(anything(undefined)),
      'ARGUMENT',
      /^add_: expected other to be a tensor, got undefined/,
    ],
    ['no source', () => ones([3]).copy_(anything(3)), 'ARGUMENT', /^copy_: expected source to be a tensor, got number/],
  ]
  test.each(wrong)('%s', (_, fn, code, message) => {
    let error: unknown
    try {
      fn()
    } catch (e) {
      error = e
    }
    expect(error).toBeInstanceOf(QuernError)
    expect((error as QuernError).message).toMatch(message)
    expect((error as QuernError).code).toBe(`ERR_QUERN_${code}`)
  })

  test('a disposed tensor', () => {
    const t = randn([2])
    t.dispose()
    expect(() => t.add_(1)).toThrow(/expected a live tensor/)
  })
})
