import { ArgumentError } from '../errors.js'
import { tensor } from '../ops/create.js'
import { stack } from '../ops/view.js'
import { type AnyTensor, type DType, Tensor, type TypedArray } from '../tensor.js'

/** The batch that samples of type S are collated into: field by field where S is a tuple. */
export type Collated<S> = S extends readonly unknown[]
  ? { -readonly [K in keyof S]: CollatedField<S[K]> }
  : CollatedField<S>

type CollatedField<F> =
  F extends Tensor<infer D extends DType>
    ? Tensor<D>
    : F extends Float32Array
      ? Tensor
      : F extends Float64Array
        ? Tensor<'float64'>
        : F extends Uint8Array
          ? Tensor<'uint8'>
          : F extends number | Int32Array
            ? Tensor<'int32'>
            : Tensor

/**
 * Puts samples together along a new first dimension: tensors and typed arrays in their dtype, whole numbers (labels) as int32,
 * arrays of numbers as float32. Throws ArgumentError for anything else and ShapeError where shapes differ.
 */
export function collate<S>(samples: readonly S[]): Collated<S> {
  const first = samples[0]
  if (!Array.isArray(first)) return collateField(samples, '') as Collated<S>
  return first.map((_, k) => {
    const fields = samples.map((sample) => (sample as readonly unknown[])[k])
    return collateField(fields, ` in field ${k}`)
  }) as Collated<S>
}

function collateField(fields: readonly unknown[], where: string): AnyTensor {
  const first = fields[0]
  if (first instanceof Tensor) return stack(fields as Tensor[])
  if (ArrayBuffer.isView(first))
    return stack((fields as TypedArray[]).map((f) => tensor(f as Float32Array)) as Tensor[])
  if (typeof first === 'number') return tensor(Int32Array.from(fields as number[], (v) => checkWhole(v, where)))
  if (Array.isArray(first)) return tensor(fields as number[][])
  throw new ArgumentError(
    `DataLoader: expected samples of tensors, typed arrays and numbers, got ${first === null ? 'null' : typeof first}${where}; ` +
      'convert it in get()',
  )
}

function checkWhole(value: number, where: string): number {
  if (Number.isInteger(value)) return value
  throw new ArgumentError(
    `DataLoader: expected a plain number${where} to be whole (they become int32, for labels), got ${String(value)}; ` +
      'return Float32Array.of(value) for a float32 tensor (N,1)',
  )
}
