// What is computed in one pass when one operation follows another at once must be what each gives by itself.
import {
  add,
  batchNorm,
  conv2d,
  nn,
  noGrad,
  ones,
  randn,
  relu,
  scope,
  synchronize,
  type Tensor,
  tensor,
  transpose,
  zeros,
} from 'quern'
import { describe, expect, test, vi } from 'vitest'
import { expectClose } from './values.js'

// How many commands were taken back, so that these tests can tell that they have compared what they mean to.
const taken = vi.hoisted(() => ({ sums: 0, norms: 0, normalSums: 0, convolutions: 0, gradients: 0 }))
vi.mock('../../src/engine/fuse.js', async (original) => {
  const fuse = await original<typeof import('../../src/engine/fuse.js')>()
  const counted =
    <A extends unknown[], R>(what: keyof typeof taken, fn: (...args: A) => R | null) =>
    (...args: A): R | null => {
      const result = fn(...args)
      if (result !== null) taken[what]++
      return result
    }
  return {
    ...fuse,
    takeSum: counted('sums', fuse.takeSum),
    takeBatchNorm: counted('norms', fuse.takeBatchNorm),
    takeNormalSum: counted('normalSums', fuse.takeNormalSum),
    takeConv2d: counted('convolutions', fuse.takeConv2d),
    takeDataGradient: counted('gradients', fuse.takeDataGradient),
  }
})
const joined = async <R>(what: keyof typeof taken, times: number, fn: () => Promise<R>): Promise<R> => {
  const before = taken[what]
  const result = await fn()
  expect(taken[what] - before).toBe(times)
  return result
}

// Whatever was encoded before is on its way, so the next operation cannot join it.
const apart = () => synchronize()
const bytes = async (t: Tensor) => Buffer.from(((await t.data()) as Float32Array).buffer)
const same = async (a: Tensor, b: Tensor) => expect((await bytes(a)).equals(await bytes(b))).toBe(true)

describe('a sum and its ReLU', () => {
  const make = (shape: number[]) => randn(shape, { requiresGrad: true })

  test.each([[[0]], [[1]], [[5, 7]], [[3, 1000, 33]]])('of shape %j', async (shape) => {
    const [a, b] = [make(shape), make(shape)]
    const sum = add(a, b)
    await apart()
    const expected = relu(sum)
    await joined('sums', 3, async () => {
      await same(relu(add(a, b)), expected)
      const kept = add(a, b)
      const y = relu(kept)
      await same(kept, sum)
      await same(y, expected)
      const released = scope(() => relu(add(a, b)))
      await same(released, expected)
    })
  })

  test('of double precision, in other orders of memory, broadcast, and of a view', async () => {
    const double = tensor([-1, 2, -3], { dtype: 'float64' })
    await joined('sums', 1, async () => expect([...(await relu(add(double, double)).data())]).toEqual([0, 4, 0]))
    const [a, b] = [randn([4, 4]), randn([4, 4])]
    const sum = add(a, b)
    await apart()
    await joined('sums', 2, async () => {
      await same(relu(transpose(add(a, b), 0, 1)), relu(transpose(sum, 0, 1)))
      await same(relu(add(transpose(a, 0, 1), transpose(b, 0, 1))), relu(transpose(sum, 0, 1)))
    })
    await joined('sums', 0, async () => {
      const whole = add(a, b)
      await same(relu(whole.slice(0, 1, 3)), relu(sum.slice(0, 1, 3)))
      await same(relu(add(a, ones([4]))), relu(add(ones([4]), a)))
    })
  })

  test('keeps NaN and infinities', async () => {
    const a = tensor([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, -1, 1e38])
    const y = relu(add(a, tensor([1, 1, 1, -0, 3e38])))
    expect([...(await y.data())]).toEqual([Number.NaN, Number.POSITIVE_INFINITY, 0, 0, Number.POSITIVE_INFINITY])
  })

  test('in place: the sum that others see is written', async () => {
    const base = zeros([6])
    const part = base.slice(0, 2, 5)
    part.add_(tensor([-1, 2, 3]))
    const y = relu(part)
    part.dispose()
    expect([...(await base.data())]).toEqual([0, 0, -1, 2, 3, 0])
    expect([...(await y.data())]).toEqual([0, 2, 3])
  })

  test('a sum read again before it is released', async () => {
    const [a, b] = [randn([100]), randn([100])]
    const sum = add(a, b)
    const y = relu(sum)
    const twice = add(sum, y)
    sum.dispose()
    await same(twice, add(add(a, b), y))
  })

  test('has the gradients of both', async () => {
    const [a, b, c, d] = [tensor([-1, 2, 3]), tensor([0.5, -3, 1]), tensor([-1, 2, 3]), tensor([0.5, -3, 1])]
    for (const t of [a, b, c, d]) t.requiresGrad = true
    relu(add(a, b)).sum().backward()
    const sum = add(c, d)
    await apart()
    relu(sum).sum().backward()
    expect([...(await (a.grad as Tensor).data())]).toEqual([0, 0, 1])
    await same(b.grad as Tensor, d.grad as Tensor)
  })
})

describe('a batch norm, what is added to it and their ReLU', () => {
  // Of [x, weight, bias, residual], each by a command of its own if separately.
  type Sum = (normal: Tensor, residual: Tensor) => Tensor
  const run = async (inputs: Tensor[], sum: Sum, separately: boolean) => {
    const [x, weight, bias, residual] = inputs as [Tensor, Tensor, Tensor, Tensor]
    const normal = batchNorm(x, null, null, { weight, bias, training: true })
    if (separately) await apart()
    const total = sum(normal, residual)
    if (separately) await apart()
    return { normal, total, y: relu(total) }
  }
  const inputsOf = (shape: number[]) =>
    [shape, [shape[1] as number], [shape[1] as number], shape].map((s) => randn(s, { requiresGrad: true }))

  test.each([
    ['batch norm + residual', [3, 5, 7, 9], add],
    ['residual + batch norm', [2, 33, 4, 4], (normal: Tensor, residual: Tensor) => add(residual, normal)],
    ['of rows', [40, 17], add],
  ] as [string, number[], Sum][])('%s: values and gradients', async (_, shape, sum) => {
    // A convolution's result is channels-last, as batch norm's is.
    const filter = ones([shape[1] as number, 1, 1, 1])
    const image = (t: Tensor) => (shape.length === 4 ? conv2d(t, filter, { groups: shape[1] as number }) : t)
    const inputs = inputsOf(shape)
    const laidOut = noGrad(() => inputs.map((t, i) => (i % 3 === 0 ? image(t) : t.clone())))
    const gradients = async (separately: boolean) => {
      const leaves = laidOut.map((t) => t.detach())
      for (const t of leaves) t.requiresGrad = true
      const all = await run(leaves, sum, separately)
      all.y.square().sum().backward()
      return { ...all, leaves }
    }
    const separate = await joined('norms', 0, () => gradients(true))
    const together = await joined('norms', 1, () => joined('normalSums', 1, () => gradients(false)))
    for (const key of ['normal', 'total', 'y'] as const) await same(together[key], separate[key])
    for (const [i, t] of together.leaves.entries()) await same(t.grad as Tensor, separate.leaves[i]!.grad as Tensor)
    const released = scope(() => {
      const [x, weight, bias, residual] = together.leaves as [Tensor, Tensor, Tensor, Tensor]
      return relu(sum(batchNorm(x, null, null, { weight, bias, training: true }), residual))
    })
    await same(released, separate.y)
  })

  test('stay apart where limits, layouts or shapes differ, and where the residual is the result itself', async () => {
    const [x, weight, bias, residual] = inputsOf([3, 4, 5, 6]) as [Tensor, Tensor, Tensor, Tensor]
    const norm = () => batchNorm(x, null, null, { weight, bias, training: true })
    const expected = norm()
    await apart()
    await joined('norms', 0, async () => {
      const normal = norm()
      await same(add(normal, normal), add(expected, expected))
      await same(add(norm(), ones([6])), add(expected, ones([6])))
      // Batch norm's result is channels-last.
      await same(add(norm(), residual), add(expected, residual))
    })
  })

  test('of a layer, which counts its batches before', async () => {
    const [x, residual, norm] = [randn([20, 6]), randn([20, 6]), new nn.BatchNorm1d(6)]
    const normal = norm.forward(x)
    await apart()
    const expected = relu(add(normal, residual))
    await same(await joined('normalSums', 1, async () => relu(add(norm.forward(x), residual))), expected)
    expect(await norm.num_batches_tracked?.item()).toBe(2)
  })

  test('what others hold is written, and what is read between the two keeps them apart', async () => {
    const inputs = inputsOf([20, 6])
    const expected = await run(inputs, add, true)
    const { normal, total, y } = await joined('normalSums', 1, () => run(inputs, add, false))
    const later = add(add(normal, total), y)
    for (const t of [normal, total, y]) t.dispose()
    await same(later, add(add(expected.normal, expected.total), expected.y))
    const [x, weight, bias, residual] = inputs as [Tensor, Tensor, Tensor, Tensor]
    await joined('normalSums', 0, async () => {
      const sum = add(batchNorm(x, null, null, { weight, bias, training: true }), residual)
      const twice = sum.mul(2)
      await same(relu(sum), expected.y)
      await same(twice, expected.total.mul(2))
    })
  })
})

describe('a convolution and the statistics of its batch', () => {
  const shapes: [string, number[], number[], object][] = [
    ['3×3', [3, 5, 9, 11], [7, 5, 3, 3], { padding: 1 }],
    ['1×1 over several slabs', [9, 16, 24, 24], [40, 16, 1, 1], {}],
    ['strided, with a bias', [4, 3, 15, 15], [18, 3, 3, 3], { stride: 2, bias: true }],
    ['in groups', [2, 8, 12, 12], [12, 4, 3, 3], { groups: 2 }],
    ['depthwise', [3, 33, 20, 20], [33, 1, 3, 3], { groups: 33, padding: 1 }],
    ['rows of large images', [1, 32, 90, 90], [20, 32, 3, 3], { padding: 1 }],
    ['many channels of few pixels', [2, 64, 2, 2], [130, 64, 1, 1], {}],
  ]

  test.each(shapes)('%s', async (_, xShape, wShape, { bias, ...options }: { bias?: boolean }) => {
    const x = add(randn(xShape), 30)
    // Its gradient keeps the copy of x, whose release would come between the two.
    const weight = randn(wShape, { requiresGrad: true })
    const channels = wShape[0] as number
    const parts = { ...options, bias: bias ? randn([channels]) : null }
    const run = async (separately: boolean) => {
      const [mean, variance] = [zeros([channels]), ones([channels])]
      const y = conv2d(x, weight, parts)
      if (separately) await apart()
      const z = noGrad(() => batchNorm(y, mean, variance, { training: true, momentum: 0.25 }))
      return [y, z, mean, variance]
    }
    const together = await joined('convolutions', 1, () => run(false))
    const separate = await joined('convolutions', 0, () => run(true))
    await same(together[0] as Tensor, separate[0] as Tensor)
    for (const i of [1, 2, 3]) expectClose(await together[i]!.data(), await separate[i]!.data(), 1e-5)
    const again = await run(false)
    for (const i of [1, 2, 3]) await same(again[i] as Tensor, together[i] as Tensor)
  })

  test('trains as the two do', async () => {
    const gradients = async (separately: boolean) => {
      const x = tensor(
        Array.from({ length: 96 }, (_, i) => Math.sin(i)),
        { shape: [2, 3, 4, 4], requiresGrad: true },
      )
      const w = tensor(
        Array.from({ length: 54 }, (_, i) => Math.cos(i)),
        { shape: [2, 3, 3, 3], requiresGrad: true },
      )
      const y = conv2d(x, w)
      if (separately) await apart()
      const z = batchNorm(y, null, null, { training: true })
      z.mul(
        tensor(
          Array.from({ length: 16 }, (_, i) => i / 7),
          { shape: [2, 2, 2, 2] },
        ),
      )
        .sum()
        .backward()
      return [await (x.grad as Tensor).data(), await (w.grad as Tensor).data()]
    }
    const together = await joined('convolutions', 1, () => gradients(false))
    const separate = await gradients(true)
    for (const i of [0, 1]) expectClose(together[i]!, separate[i]!, 1e-4)
  })
})

describe('the gradient of a convolution to its data and what else is the gradient', () => {
  const shapes: [string, number[], number[], object][] = [
    ['3×3 of many channels', [4, 24, 15, 18], [33, 24, 3, 3], { padding: 1 }],
    ['3×3 of few channels', [2, 5, 9, 11], [7, 5, 3, 3], { padding: 1 }],
    ['1×1', [3, 16, 8, 8], [40, 16, 1, 1], {}],
    ['strided', [2, 6, 15, 15], [18, 6, 3, 3], { stride: 2 }],
    ['depthwise', [3, 33, 10, 10], [33, 1, 3, 3], { groups: 33, padding: 1 }],
    ['no images', [0, 5, 6, 6], [7, 5, 3, 3], {}],
  ]
  const channelsLast = (shape: number[]) => {
    const channels = shape[1] as number
    const x = conv2d(randn(shape), randn([channels, channels, 1, 1])).detach()
    x.requiresGrad = true
    return x
  }
  const gradient = async (x: Tensor, loss: Tensor): Promise<Tensor> => {
    x.grad?.dispose()
    x.grad = null
    loss.backward()
    return x.grad as unknown as Tensor
  }

  test.each(shapes)('%s', async (_, xShape, wShape, options) => {
    const x = channelsLast(xShape)
    const [first, second] = [randn([4, xShape[1] as number, 1, 1]), randn(wShape)]
    const branches = [() => conv2d(x, first).sum(), () => conv2d(x, second, options).mul(3).sum()] as const
    const [one, other] = [(await gradient(x, branches[0]())).clone(), (await gradient(x, branches[1]())).clone()]
    const total = await joined('gradients', 1, () => gradient(x, add(branches[0](), branches[1]())))
    await same(total, add(one, other))
    const recorded = joined('gradients', 0, async () => {
      x.grad = null
      add(branches[0](), branches[1]()).backward({ createGraph: true })
      return x.grad as unknown as Tensor
    })
    await same(await recorded, total)
  })

  test.each([
    ['a sum', (x: Tensor, f: Tensor) => add(x, f)],
    ['a sum of one tensor with itself', (x: Tensor) => add(x, x)],
    ['a view', (x: Tensor) => x.reshape([2, 3, 6, 5]).reshape([2, 3, 5, 6])],
  ])('what %s passes on to its inputs stays what it is', async (_, join) => {
    const filters = [randn([3, 3, 3, 3]), randn([3, 3, 3, 3]), randn([3, 3, 1, 1])] as const
    const gradients = async (separately: boolean) => {
      const x = leaf
      x.grad?.dispose()
      x.grad = null
      const same = { padding: 1 }
      const h = join(x, conv2d(x, filters[0], same))
      const y = conv2d(h, filters[1], same)
      const loss = conv2d(add(x, y), filters[2]).square().sum()
      if (separately) loss.backward({ createGraph: true })
      else loss.backward()
      return (x.grad as unknown as Tensor).detach().clone()
    }
    const leaf = channelsLast([2, 3, 5, 6])
    expectClose(await (await gradients(false)).data(), await (await gradients(true)).data(), 1e-5)
  })

  test('stay apart where their layouts differ', async () => {
    const [x, w] = [channelsLast([2, 3, 5, 6]), randn([4, 3, 3, 3])]
    const alone = (await gradient(x, conv2d(x, w).sum())).clone()
    const rows = () => x.reshape([-1]).mul(2).sum()
    const total = await joined('gradients', 0, () => gradient(x, add(conv2d(x, w).sum(), rows())))
    await same(total, add(alone, 2))
  })

  test('what hooks have seen stays', async () => {
    const [y, v, w] = [channelsLast([2, 3, 5, 6]), randn([4, 3, 1, 1]), randn([4, 3, 3, 3])]
    const seen: Tensor[] = []
    y.registerHook((dy) => void seen.push(dy.clone()))
    await joined('gradients', 1, async () => add(conv2d(y, v).sum(), conv2d(y, w).sum()).backward())
    const alone = (filter: Tensor) => {
      const z = y.detach()
      z.requiresGrad = true
      conv2d(z, filter).sum().backward()
      return z.grad as unknown as Tensor
    }
    expect(seen).toHaveLength(1)
    await same(seen[0] as Tensor, add(alone(v), alone(w)))
  })
})
