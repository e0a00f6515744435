// What is computed in one pass when one operation follows another at once must be what each gives by itself: sums.
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
import { joined, same } from './taken.js'

vi.mock('../../src/engine/fuse.js', async (original) => (await import('./taken.js')).counted(await original()))

// Whatever was encoded before is on its way, so the next operation cannot join it.
const apart = () => synchronize()

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

  test('stay apart where layouts or shapes differ, and where the residual is the result itself', async () => {
    const [x, weight, bias, residual] = inputsOf([3, 4, 5, 6]) as [Tensor, Tensor, Tensor, Tensor]
    const [rows, row] = [inputsOf([20, 6]) as [Tensor, Tensor, Tensor], randn([1, 6])]
    const norm = () => batchNorm(x, null, null, { weight, bias, training: true })
    const ofRows = () => batchNorm(rows[0], null, null, { weight: rows[1], bias: rows[2], training: true })
    const [expected, expectedRows] = [norm(), ofRows()]
    await apart()
    await joined('norms', 0, async () => {
      const normal = norm()
      await same(add(normal, normal), add(expected, expected))
      // Batch norm's result is channels-last.
      await same(add(norm(), residual), add(expected, residual))
      await same(add(ofRows(), row), add(expectedRows, row))
      await same(add(row, ofRows()), add(row, expectedRows))
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

  test('of layers in residual blocks, whose shortcut is their input or another batch norm', async () => {
    class Block extends nn.Module {
      readonly body = new nn.Sequential(
        ...[new nn.Conv2d(4, 4, 3, { padding: 1, bias: false }), new nn.BatchNorm2d(4), new nn.ReLU()],
        ...[new nn.Conv2d(4, 4, 3, { padding: 1, bias: false }), new nn.BatchNorm2d(4)],
      )
      constructor(readonly shortcut: nn.Module) {
        super()
      }
      forward(x: Tensor): Tensor {
        return relu(add(this.body.forward(x) as Tensor, this.shortcut.forward(x) as Tensor))
      }
    }
    const x = conv2d(randn([3, 4, 6, 6]), randn([4, 4, 1, 1])).detach()
    for (const shortcut of [
      new nn.Identity(),
      new nn.Sequential(new nn.Conv2d(4, 4, 1, { bias: false }), new nn.BatchNorm2d(4)),
    ]) {
      const block = new Block(shortcut)
      const y = await joined('norms', 1, () => joined('normalSums', 1, () => block.forward(x)))
      const body = block.body.forward(x) as Tensor
      await apart()
      const around = shortcut.forward(x) as Tensor
      await apart()
      await same(y, relu(add(body, around)))
    }
  })

  test('of double precision, without a bias', async () => {
    const values = Array.from({ length: 60 }, (_, i) => Math.sin(i * i))
    const [x, residual] = [0, 1].map((i) =>
      tensor(
        values.map((v) => (i ? 1 - v : v)),
        { shape: [10, 6], dtype: 'float64', requiresGrad: true },
      ),
    ) as [Tensor<'float64'>, Tensor<'float64'>]
    const weight = tensor([1, -2, 3, 0, 5, 6], { dtype: 'float64', requiresGrad: true })
    const norm = () => batchNorm(x, null, null, { weight, training: true })
    const normal = norm()
    await apart()
    const sum = add(normal, residual)
    await apart()
    const expected = relu(sum)
    const y = await joined('normalSums', 1, () => relu(add(norm(), residual)))
    expect(await y.data()).toEqual(await expected.data())
  })

  test('what others hold is written, and what is read between the two keeps them apart', async () => {
    const [x, weight, bias, residual] = inputsOf([20, 6]) as [Tensor, Tensor, Tensor, Tensor]
    const norm = () => batchNorm(x, null, null, { weight, bias, training: true })
    const expected = await run([x, weight, bias, residual], add, true)
    // All of it before the first command is on its way.
    const together = () => {
      const normal = norm()
      const sum = add(normal, residual)
      const y = relu(sum)
      const later = add(add(normal, sum), y)
      for (const t of [normal, sum, y]) t.dispose()
      return later
    }
    await same(await joined('normalSums', 1, together), add(add(expected.normal, expected.total), expected.y))
    await joined('normalSums', 0, async () => {
      const sum = add(norm(), residual)
      const twice = sum.mul(2)
      await same(relu(sum), expected.y)
      await same(twice, expected.total.mul(2))
    })
  })
})
