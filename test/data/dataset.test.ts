import { type Tensor, tensor, zeros } from 'quern'
import { DataLoader, type Dataset, ImageDataset, randomSplit, Subset, TensorDataset } from 'quern/data'
import { describe, expect, expectTypeOf, it } from 'vitest'

const numbers = (length: number): Dataset<number> => ({ length, get: (i) => i })

describe('TensorDataset', () => {
  const x = tensor([
    [1, 2],
    [3, 4],
    [5, 6],
  ])
  const y = tensor(Int32Array.of(7, 8, 9))

  it('gives samples and batches of the same dtype', async () => {
    const dataset = new TensorDataset(x, y)
    expect(dataset.length).toBe(3)
    const [row, label] = await dataset.get(1)
    expect([row.shape, await row.array(), label.shape, await label.item()]).toEqual([[2], [3, 4], [], 8])
    const batch = await dataset.getBatch(Uint32Array.of(2, 0, 2))
    expectTypeOf(batch).toEqualTypeOf<[Tensor, Tensor<'int32'>]>()
    const [rows, labels] = batch
    expect(await rows.array()).toEqual([
      [5, 6],
      [1, 2],
      [5, 6],
    ])
    expect([labels.dtype, await labels.array()]).toEqual(['int32', [9, 7, 9]])
  })

  it('keeps the values it was made with', async () => {
    const values = tensor([1, 2])
    const dataset = new TensorDataset(values)
    values.dispose()
    expect(await (await dataset.getBatch(Uint32Array.of(1)))[0].array()).toEqual([2])
  })

  it('refuses tensors that do not go together', () => {
    expect(() => new TensorDataset(x, zeros([2]))).toThrow(
      'TensorDataset: expected tensors of one first dimension, got shapes 3×2 and 2',
    )
    expect(() => new TensorDataset(tensor(3))).toThrow('got shapes scalar')
    expect(() => new TensorDataset()).toThrow('TensorDataset: expected one or more tensors')
    expect(() => new TensorDataset([1, 2] as never)).toThrow('TensorDataset: expected one or more tensors')
  })

  it.each([-1, 3, 0.5, Number.NaN])('refuses index %d', async (i) => {
    await expect(new TensorDataset(x, y).get(i)).rejects.toThrow(
      `TensorDataset.get: expected index to be an integer from 0 to 2, got ${i}`,
    )
  })

  it('reports a tensor that could not be read where a batch is asked for', async () => {
    const gone = zeros([2])
    gone.dispose()
    const dataset = new TensorDataset(gone)
    await new Promise((resolve) => setTimeout(resolve, 5)) // an unhandled rejection would fail the run
    await expect(dataset.get(0)).rejects.toMatchObject({ code: 'ERR_QUERN_STATE' })
  })
})

describe('ImageDataset', () => {
  it('normalises each channel by its own figures', async () => {
    const images = Uint8Array.of(0, 255, 51, 102, 255, 0, 153, 204)
    const normalize = { mean: [0, 0.5], std: [1, 0.25] }
    const dataset = new ImageDataset({ images, shape: [2, 1, 2], labels: [1, 0], classes: ['a', 'b'], normalize })
    const [x, y] = dataset.getBatch(Uint32Array.of(1, 0))
    expectTypeOf(y).toEqualTypeOf<Tensor<'int32'>>()
    expect(await y.array()).toEqual([0, 1])
    const expected = [1, 0, (0.6 - 0.5) * 4, (0.8 - 0.5) * 4, 0, 1, (0.2 - 0.5) * 4, (0.4 - 0.5) * 4]
    expect(x.shape).toEqual([2, 2, 1, 2])
    for (const [i, v] of (await x.data()).entries()) expect(v).toBeCloseTo(expected[i] as number, 6)
  })

  it('refuses sizes that contradict each other and an index out of range', () => {
    const options = { images: new Uint8Array(7), shape: [1, 2, 2], labels: [0, 1], classes: [] } as const
    expect(() => new ImageDataset(options)).toThrow('ImageDataset: expected 8 bytes for 2 images 1×2×2, got 7')
    const dataset = new ImageDataset({ ...options, images: new Uint8Array(8) })
    expect(() => dataset.get(2)).toThrow('ImageDataset.get: expected index to be an integer from 0 to 1, got 2')
    const empty = new ImageDataset({ ...options, images: new Uint8Array(), labels: [] })
    expect(() => empty.get(0)).toThrow('ImageDataset.get: expected a dataset with samples, got an empty one')
  })
})

describe('Subset', () => {
  it('maps indices, in batches too', async () => {
    const dataset = new TensorDataset(tensor([10, 11, 12, 13]))
    const subset = new Subset(new Subset(dataset, [3, 1, 0]), [2, 0])
    expect(subset.length).toBe(2)
    expect(await (await subset.get(1))[0].item()).toBe(13)
    const batches = []
    for await (const [x] of new DataLoader(subset, { batchSize: 2 })) batches.push(await x.array())
    expect(batches).toEqual([[10, 13]])
  })

  it('has batches of its own only where the dataset has', () => {
    expect(new Subset(numbers(3), [0]).getBatch).toBeUndefined()
  })

  it('refuses indices out of range', () => {
    expect(() => new Subset(numbers(3), [0, 3])).toThrow('Subset: expected index to be an integer from 0 to 2, got 3')
    expect(() => new Subset(numbers(3), [0]).get(1)).toThrow(
      'Subset.get: expected index to be an integer from 0 to 0, got 1',
    )
  })
})

describe('randomSplit', () => {
  const indices = (parts: { indices: Uint32Array }[]) => parts.map((part) => Array.from(part.indices))

  it('gives disjoint parts that cover the dataset', () => {
    const parts = randomSplit(numbers(100), [70, 20, 10], { seed: 3 })
    expect(parts.map((part) => part.length)).toEqual([70, 20, 10])
    expect(
      indices(parts)
        .flat()
        .sort((a, b) => a - b),
    ).toEqual(Array.from({ length: 100 }, (_, i) => i))
  })

  it('depends on the seed alone', () => {
    const split = (seed: number) => indices(randomSplit(numbers(50), [25, 25], { seed }))
    expect(split(1)).toEqual(split(1))
    expect(split(1)).not.toEqual(split(2))
    expect(indices(randomSplit(numbers(50), [50]))).toEqual(indices(randomSplit(numbers(50), [50], { seed: 0 })))
  })

  it('takes fractions and gives what is left over to the first parts', () => {
    expect(randomSplit(numbers(10), [0.9, 0.1]).map((part) => part.length)).toEqual([9, 1])
    expect(randomSplit(numbers(11), [1 / 3, 1 / 3, 1 / 3]).map((part) => part.length)).toEqual([4, 4, 3])
    expect(randomSplit(numbers(1), [1]).map((part) => part.length)).toEqual([1])
  })

  it.each([[[5, 4]], [[0.5, 0.4]], [[-1, 11]], [[]], [[Number.NaN]], [[5.5, 4.5]]])('refuses lengths %j', (lengths) => {
    expect(() => randomSplit(numbers(10), lengths)).toThrow(
      'randomSplit: expected lengths that sum to 10, or fractions that sum to 1',
    )
  })
})
