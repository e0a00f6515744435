import { ArgumentError } from '../errors.js'
import { tensor } from '../ops/create.js'
import type { Tensor } from '../tensor.js'
import { checkIndex, type Dataset, gatherRows } from './dataset.js'

/** Per channel, or one number for all: what is subtracted from pixels that were scaled to 0..1, and what they are divided by. */
export interface Normalization {
  mean: number | readonly number[]
  std: number | readonly number[]
}

export interface ImageDatasetOptions {
  /** (N,C,H,W), one byte per value. */
  images: Uint8Array
  /** Of one image. */
  shape: readonly [channels: number, height: number, width: number]
  /** (N) */
  labels: ArrayLike<number>
  /** Names of the labels. */
  classes: readonly string[]
  normalize?: Normalization | undefined
}

type Sample = [image: Tensor, label: number]
type Batch = [images: Tensor, labels: Tensor<'int32'>]

/** Images kept as bytes and handed out as float32, scaled to 0..1 and normalised if asked: [image (C,H,W), label], batches [(N,C,H,W), (N)]. */
export class ImageDataset implements Dataset<Sample, Batch> {
  readonly length: number
  readonly classes: readonly string[]
  readonly labels: Int32Array
  private readonly images: Uint8Array
  private readonly shape: readonly [number, number, number]
  /** Per channel, the value of each byte. */
  private readonly values: Float32Array[]

  constructor({ images, shape, labels, classes, normalize = { mean: 0, std: 1 } }: ImageDatasetOptions) {
    const size = shape[0] * shape[1] * shape[2]
    if (images.length !== labels.length * size) {
      throw new ArgumentError(
        `ImageDataset: expected ${labels.length * size} bytes for ${labels.length} images ${shape.join('×')}, got ${images.length}`,
      )
    }
    this.length = labels.length
    this.images = images
    this.shape = shape
    this.labels = Int32Array.from(labels)
    this.classes = classes
    this.values = Array.from({ length: shape[0] }, (_, channel) => {
      const mean = pick('mean', normalize.mean, channel, shape[0])
      const std = pick('std', normalize.std, channel, shape[0])
      if (!(std > 0)) throw new ArgumentError(`ImageDataset: expected std to be positive, got ${std}`)
      return Float32Array.from({ length: 256 }, (_, byte) => (byte / 255 - mean) / std)
    })
  }

  get(index: number): Sample {
    const i = checkIndex('ImageDataset.get', index, this.length)
    return [tensor(this.pixels(Uint32Array.of(i)), { shape: this.shape }), this.labels[i] as number]
  }

  getBatch(indices: Uint32Array): Batch {
    const images = tensor(this.pixels(indices), { shape: [indices.length, ...this.shape] })
    return [images, tensor(gatherRows(this.labels, indices, this.length))]
  }

  private pixels(indices: Uint32Array): Float32Array {
    const [channels, height, width] = this.shape
    const area = height * width
    const pixels = new Float32Array(indices.length * channels * area)
    let to = 0
    for (const index of indices) {
      let from = index * channels * area
      for (const values of this.values) {
        for (const end = from + area; from < end; from++) pixels[to++] = values[this.images[from] as number] as number
      }
    }
    return pixels
  }
}

function pick(name: string, value: number | readonly number[], channel: number, channels: number): number {
  if (typeof value === 'number' && Number.isFinite(value)) return value
  const own = Array.isArray(value) && value.length === channels ? value[channel] : undefined
  if (typeof own === 'number' && Number.isFinite(own)) return own
  throw new ArgumentError(
    `ImageDataset: expected ${name} to be a number or one for each of ${channels} channels, got ${JSON.stringify(value)}`,
  )
}
