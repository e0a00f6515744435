// Which commands are taken back to be encoded as one with the next.
import { describe, expect, test } from 'vitest'
import {
  encodeConv2dStatistics,
  encodeDataGradientSum,
  encodeNormalSum,
  encodeReluOfSum,
  takeBatchNorm,
  takeConv2d,
  takeDataGradient,
  takeNormalSum,
  takeSum,
} from '../../src/engine/fuse.js'
import * as opcodes from '../../src/engine/opcodes.js'
import { Binary, opcodeNames } from '../../src/engine/opcodes.js'
import { CommandWriter } from '../../src/engine/writer.js'

const buffer = (id: number, shape: number[] = [6], offset = 0) => {
  const strides = shape.map((_, i) => shape.slice(i + 1).reduce((a, b) => a * b, 1))
  return { storage: { id }, offset, dtype: 'float32' as const, shape, strides }
}
const [a, b, x, y] = [buffer(1), buffer(2), buffer(3), buffer(4)]

function writerOfSum(kind: number = Binary.add, layout = [6, 1, 1, 1]): CommandWriter {
  const w = new CommandWriter()
  opcodes.free(w, { buffer: 9 })
  opcodes.binary(w, 'float32', { out: x, a, b, kind, rank: 1, layout })
  return w
}
const written = (w: CommandWriter) => [...w.words.subarray(0, w.count)]

describe('a sum and its ReLU', () => {
  const encode = () => {
    const w = writerOfSum()
    const sum = takeSum(w, x)
    expect(sum).toEqual({ a: { storage: { id: 1 }, offset: 0 }, b: { storage: { id: 2 }, offset: 0 }, n: 6 })
    if (sum) encodeReluOfSum(w, x, y, sum)
    return w
  }
  // After the opcode, the length and the command before: sum, y, a, b.
  const sumAt = 5

  test('are one command', () => {
    const expected = new CommandWriter()
    opcodes.free(expected, { buffer: 9 })
    opcodes.addRelu(expected, 'float32', { sum: x, y, a, b, n: 6 })
    expect(written(encode())).toEqual(written(expected))
  })

  test('the sum is left out if it is freed unread', () => {
    const w = encode()
    expect(w.words[sumAt]).toBe(3)
    w.freed(2)
    expect(w.words[sumAt]).toBe(3)
    w.freed(3)
    expect(w.words[sumAt]).toBe(0)
  })

  test('but not once another command has named it', () => {
    const w = encode()
    opcodes.unary(w, 'float32', { out: y, x, kind: 0, rank: 1, layout: [6, 1, 1] })
    w.freed(3)
    expect(w.words[sumAt]).toBe(3)
  })

  test('nor in the next batch', () => {
    const w = encode()
    w.clear()
    opcodes.free(w, { buffer: 7 })
    const before = written(w)
    w.freed(3)
    expect(written(w)).toEqual(before)
  })

  test('stay apart where the command encoded last is another', () => {
    const differing: [CommandWriter, typeof x][] = [
      [new CommandWriter(), x],
      [writerOfSum(Binary.sub), x],
      [writerOfSum(Binary.add, [6, 1, 1, 0]), x],
      [writerOfSum(Binary.add, [3, 1, 1, 1]), x],
      [writerOfSum(), y],
      [writerOfSum(), buffer(3, [6], 1)],
      [writerOfSum(), { ...buffer(3, [2, 3]), strides: [4, 1] }],
    ]
    const followed = writerOfSum()
    opcodes.free(followed, { buffer: 8 })
    for (const [w, t] of [...differing, [followed, x] as const]) {
      const before = written(w)
      expect(takeSum(w, t)).toBeNull()
      expect(written(w)).toEqual(before)
    }
    const flushed = writerOfSum()
    flushed.clear()
    expect(takeSum(flushed, x)).toBeNull()
    const taken = writerOfSum()
    expect(takeSum(taken, x)).not.toBeNull()
    expect(takeSum(taken, x)).toBeNull()
  })
})

describe('a batch norm, what is added to it and their ReLU', () => {
  const shape = [2, 3, 2, 2]
  const strides = [12, 1, 6, 3]
  const [normal, sum] = [
    { ...buffer(3, shape), strides },
    { ...buffer(5, shape), strides },
  ]
  const [residual, out] = [buffer(6), buffer(7)]
  const read = { x: a, mean: b, rstd: buffer(8), weight: buffer(9, [3], 2), bias: null }
  const sizes = { rows: 8, c: 3 }
  const unlimited = { low: Number.NEGATIVE_INFINITY, high: Number.POSITIVE_INFINITY }
  const writerOfNorm = (limits: object = {}) => {
    const w = new CommandWriter()
    opcodes.batchNorm(w, 'float32', { y: normal, ...read, ...sizes, ...unlimited, ...limits })
    return w
  }
  const encode = (w: CommandWriter, y: boolean) => {
    const norm = takeBatchNorm(w, normal)
    if (norm) encodeNormalSum(w, 'float32', { ...norm, residual }, sum, null)
    if (!y) return w
    const taken = takeNormalSum(w, sum)
    if (taken) encodeNormalSum(w, 'float32', taken, sum, out)
    return w
  }

  test.each([false, true])('are one command; with the ReLU: %s', (y) => {
    const expected = new CommandWriter()
    opcodes.batchNormAdd(expected, 'float32', { normal, sum, y: y ? out : null, ...read, residual, ...sizes })
    const w = encode(writerOfNorm(), y)
    expect(written(w)).toEqual(written(expected))
    expect(takeBatchNorm(w, normal)).toBeNull()
    if (y) expect(takeNormalSum(w, sum)).toBeNull()
  })

  test('leave out what is freed unread', () => {
    const outputs = (w: CommandWriter) => [2, 4, 6].map((at) => w.words[at])
    const w = encode(writerOfNorm(), true)
    w.freed(5)
    expect(outputs(w)).toEqual([3, 0, 7])
    w.freed(3)
    expect(outputs(w)).toEqual([0, 0, 7])
    const alone = encode(writerOfNorm(), false)
    alone.freed(5)
    alone.freed(3)
    expect(outputs(alone)).toEqual([0, 5, 0])
  })

  test.each([
    ['normal', normal, [3, 0, 7]],
    ['sum', sum, [0, 5, 7]],
  ])('write %s if another command has named it', (_, x, expected) => {
    const w = encode(writerOfNorm(), true)
    opcodes.unary(w, 'float32', { out: a, x, kind: 0, rank: 1, layout: [24, 1, 1] })
    w.freed(3)
    w.freed(5)
    expect([2, 4, 6].map((at) => w.words[at])).toEqual(expected)
  })

  test('taken back leave nothing to be left out', () => {
    const w = encode(writerOfNorm(), false)
    expect(takeNormalSum(w, sum)).toMatchObject({ normal: { storage: { id: 3 } }, residual: { storage: { id: 6 } } })
    opcodes.unary(w, 'float32', { out: a, x: b, kind: 0, rank: 1, layout: [24, 1, 1] })
    const before = written(w)
    w.freed(3)
    expect(written(w)).toEqual(before)
  })

  test('stay apart where the command encoded last is another', () => {
    expect(takeBatchNorm(writerOfNorm({ low: 0 }), normal)).toBeNull()
    expect(takeBatchNorm(writerOfNorm({ high: 6 }), normal)).toBeNull()
    expect(takeBatchNorm(writerOfNorm({ low: Number.NaN }), normal)).toBeNull()
    expect(takeBatchNorm(writerOfNorm({ low: Number.POSITIVE_INFINITY }), normal)).toBeNull()
    expect(takeBatchNorm(writerOfNorm(), sum)).toBeNull()
    expect(takeBatchNorm(writerOfNorm(), { ...normal, dtype: 'float64' })).toBeNull()
    expect(takeBatchNorm(writerOfNorm(), { ...normal, shape: [2, 2, 2, 2] })).toBeNull()
    expect(takeNormalSum(encode(writerOfNorm(), false), normal)).toBeNull()
    expect(takeNormalSum(encode(writerOfNorm(), false), { ...sum, shape: [1, 3, 2, 2] })).toBeNull()
    expect(takeSum(encode(writerOfNorm(), false), sum)).toBeNull()
  })
})

describe('a convolution and the statistics of its result', () => {
  const g = { n: 2, ic: 3, ih: 5, iw: 5, oc: 4, oh: 5, ow: 5, kh: 1, kw: 1, strideH: 1, strideW: 1 }
  const sizes = { ...g, padH: 0, padW: 0, dilH: 1, dilW: 1, groups: 1, relu: 0 }
  const operands = { y: buffer(3, [2, 4, 5, 5]), x: a, w: b, bias: null }
  const none = { mean: null, rstd: null, running: [], eps: 0, momentum: 0 }
  const statistics = { mean: buffer(5), rstd: buffer(6), running: [buffer(7), buffer(8)], eps: 1e-5, momentum: 0.1 }

  test('are one command', () => {
    const [w, expected] = [new CommandWriter(), new CommandWriter()]
    opcodes.conv2d(w, 'float32', { ...operands, ...sizes, ...none })
    const conv = takeConv2d(w, operands.y)
    expect(w.count).toBe(0)
    if (conv) encodeConv2dStatistics(w, 'float32', conv, statistics)
    opcodes.conv2d(expected, 'float32', { ...operands, ...sizes, ...statistics })
    expect(written(w)).toEqual(written(expected))
    expect(takeConv2d(w, operands.y)).toBeNull()
  })

  test('stay apart for other shapes and dtypes', () => {
    const w = new CommandWriter()
    opcodes.conv2d(w, 'float32', { ...operands, ...sizes, ...none })
    expect(takeConv2d(w, buffer(3, [2, 5, 4, 5]))).toBeNull()
    expect(takeConv2d(w, { ...operands.y, dtype: 'float64' })).toBeNull()
    expect(opcodeNames[(w.words[0] as number) & 0xffff]).toBe('conv2d')
  })
})

describe("a convolution's gradient and what is added to it", () => {
  const g = { n: 2, ic: 3, ih: 5, iw: 5, oc: 4, oh: 5, ow: 5, kh: 1, kw: 1, strideH: 1, strideW: 1 }
  const sizes = { ...g, padH: 0, padW: 0, dilH: 1, dilW: 1, groups: 1 }
  const operands = { dx: x, dy: a, w: b }

  test('are one command', () => {
    const [w, expected] = [new CommandWriter(), new CommandWriter()]
    opcodes.conv2dBackwardData(w, 'float32', { ...operands, residual: null, ...sizes })
    const gradient = takeDataGradient(w, x)
    expect(w.count).toBe(0)
    if (gradient) encodeDataGradientSum(w, 'float32', gradient, buffer(7, [6], 12))
    opcodes.conv2dBackwardData(expected, 'float32', { ...operands, residual: buffer(7, [6], 12), ...sizes })
    expect(written(w)).toEqual(written(expected))
    expect(takeDataGradient(w, x)).toBeNull()
  })

  test('stay apart for another tensor or dtype', () => {
    const w = new CommandWriter()
    opcodes.conv2dBackwardData(w, 'float32', { ...operands, residual: null, ...sizes })
    for (const t of [y, buffer(3, [6], 1), { ...x, dtype: 'float64' as const }])
      expect(takeDataGradient(w, t)).toBeNull()
    expect(takeDataGradient(writerOfSum(), x)).toBeNull()
  })
})
