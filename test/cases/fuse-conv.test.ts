// What is computed in one pass when one operation follows another at once must be what each gives by itself: convolutions.
import { add, batchNorm, conv2d, noGrad, ones, randn, synchronize, type Tensor, tensor, zeros } from 'quern'
import { describe, expect, test, vi } from 'vitest'
import { joined, same } from './taken.js'
import { expectClose } from './values.js'

vi.mock('../../src/engine/fuse.js', async (original) => (await import('./taken.js')).counted(await original()))

// Whatever was encoded before is on its way, so the next operation cannot join it.
const apart = () => synchronize()

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
