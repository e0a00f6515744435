import { ArgumentError, ShapeError } from '../errors.js'
import { checkInteger } from '../ops/check.js'
import { tensor } from '../ops/create.js'
import { type AnyTensor, type DType, formatShape, Tensor, type TypedArray } from '../tensor.js'
import type { Collated } from './collate.js'
import { KeyedRandom } from './random.js'

/**
 * Samples by index: S is one sample, such as [image, label], and B a batch of them. The loader collates samples into batches
 * unless the dataset has getBatch, which must make new tensors at every call.
 */
export interface Dataset<S = unknown, B = Collated<S>> {
  readonly length: number
  get(index: number): S | Promise<S>
  getBatch?(indices: Uint32Array): B | Promise<B>
}

type Tensors<D extends readonly DType[]> = { -readonly [K in keyof D]: Tensor<D[K]> }

/**
 * Samples that lie along the first dimension of tensors: sample i is [x[i], y[i], …]. The values are those at construction.
 * Throws ShapeError unless all have the same first dimension.
 */
export class TensorDataset<const D extends readonly DType[]> implements Dataset<Tensors<D>, Tensors<D>> {
  readonly length: number
  private readonly columns: { dtype: DType; shape: readonly number[]; data: Promise<TypedArray> }[]

  constructor(...tensors: Tensors<D>) {
    const all = tensors as readonly AnyTensor[]
    if (all.length === 0 || !all.every((t) => t instanceof Tensor)) {
      throw new ArgumentError(
        'TensorDataset: expected one or more tensors, as in new TensorDataset(x, y), got something else',
      )
    }
    if (all.some((t) => t.ndim === 0 || t.shape[0] !== all[0]?.shape[0])) {
      const shapes = all.map((t) => formatShape(t.shape)).join(' and ')
      throw new ShapeError(`TensorDataset: expected tensors of one first dimension, got shapes ${shapes}`)
    }
    this.length = all[0]?.shape[0] as number
    this.columns = all.map(({ dtype, shape }, i) => ({ dtype, shape: shape.slice(1), data: read(all[i] as AnyTensor) }))
  }

  async get(index: number): Promise<Tensors<D>> {
    const i = checkIndex('TensorDataset.get', index, this.length)
    return this.gather(Uint32Array.of(i), [])
  }

  async getBatch(indices: Uint32Array): Promise<Tensors<D>> {
    return this.gather(indices, [indices.length])
  }

  private async gather(indices: Uint32Array, batch: number[]): Promise<Tensors<D>> {
    const data = await Promise.all(this.columns.map((column) => column.data))
    const tensors = this.columns.map(({ dtype, shape }, k) => {
      const values = gatherRows(data[k] as TypedArray, indices, this.length)
      return tensor(values, { dtype, shape: [...batch, ...shape] })
    })
    return tensors as unknown as Tensors<D>
  }
}

// A failure shows when a batch is asked for.
function read(t: AnyTensor): Promise<TypedArray> {
  const data = t.data()
  data.catch(() => {})
  return data
}

/** The rows at these indices, one after the other; data holds `length` rows. */
export function gatherRows<A extends TypedArray>(data: A, indices: Uint32Array, length: number): A {
  const size = data.length / Math.max(1, length)
  const out = new (data.constructor as new (n: number) => A)(indices.length * size)
  for (const [to, from] of indices.entries()) out.set(data.subarray(from * size, (from + 1) * size), to * size)
  return out
}

/** The index itself; throws ArgumentError unless it is a whole number from 0 to length − 1. */
export function checkIndex(operation: string, index: number, length: number): number {
  if (length > 0) return checkInteger(operation, 'index', index, 0, length - 1)
  throw new ArgumentError(`${operation}: expected a dataset with samples, got an empty one`)
}

const hasBatches = <S, B>(dataset: Dataset<S, B>): dataset is Required<Dataset<S, B>> => dataset.getBatch !== undefined

/** The samples of a dataset at some of its indices. */
export class Subset<S, B> implements Dataset<S, B> {
  readonly indices: Uint32Array
  readonly getBatch?: (indices: Uint32Array) => B | Promise<B>

  constructor(
    readonly dataset: Dataset<S, B>,
    indices: ArrayLike<number>,
  ) {
    for (let i = 0; i < indices.length; i++) checkIndex('Subset', indices[i] as number, dataset.length)
    this.indices = Uint32Array.from(indices)
    // Only where the dataset has it: its presence tells the loader how to make batches.
    if (hasBatches(dataset)) this.getBatch = (some) => dataset.getBatch(some.map((i) => this.indices[i] as number))
  }

  get length(): number {
    return this.indices.length
  }

  get(index: number): S | Promise<S> {
    return this.dataset.get(this.indices[checkIndex('Subset.get', index, this.length)] as number)
  }
}

/**
 * Splits a dataset at random into parts of these lengths, or of these fractions if they sum to 1; the same seed (0 by default)
 * gives the same parts everywhere. Throws ArgumentError unless the lengths sum to the dataset's.
 */
export function randomSplit<S, B>(
  dataset: Dataset<S, B>,
  lengths: readonly number[],
  options: { seed?: number } = {},
): Subset<S, B>[] {
  const seed = checkInteger('randomSplit', 'seed', options.seed ?? 0, 0, Number.MAX_SAFE_INTEGER)
  const sizes = wholeLengths(lengths, dataset.length)
  const order = new KeyedRandom(seed).permutation(dataset.length)
  let start = 0
  return sizes.map((size) => {
    start += size
    return new Subset(dataset, order.subarray(start - size, start))
  })
}

function wholeLengths(lengths: readonly number[], total: number): number[] {
  const sum = lengths.reduce((a, b) => a + b, 0)
  const positive = lengths.length > 0 && lengths.every((n) => n >= 0)
  if (positive && sum === total && lengths.every(Number.isInteger)) return [...lengths]
  if (!positive || Math.abs(sum - 1) > 1e-6) {
    throw new ArgumentError(
      `randomSplit: expected lengths that sum to ${total}, or fractions that sum to 1, got ${JSON.stringify(lengths)}, which sum to ${sum}`,
    )
  }
  const sizes = lengths.map((fraction) => Math.floor(fraction * total))
  // What rounding down left over goes to the first parts, one each, as in PyTorch.
  const left = total - sizes.reduce((a, b) => a + b, 0)
  return sizes.map((size, i) => size + Number(i < left))
}
