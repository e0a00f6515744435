import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { type DType, optim, type Tensor, tensor, zeros } from 'quern'
import { encodeSafetensors, loadSafetensors, parseSafetensors, safetensorsMetadata, saveSafetensors } from 'quern/io'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'quern-'))
})
afterAll(() => rmSync(folder, { recursive: true }))

const golden = (name: string) => join(import.meta.dirname, '../golden', name)
const python = (script: string, ...args: string[]) =>
  execFileSync('python3', ['-c', script, ...args], { encoding: 'utf8', maxBuffer: 2 ** 28 })

interface Stored {
  dtype: string
  shape: number[]
  values: (number | string)[]
}

// A reader that shares nothing with Quern: Python's own struct and json. Prints what is not finite as a string.
function readIndependently(path: string): { metadata: Record<string, string>; tensors: Record<string, Stored> } {
  const script = `
import json, math, struct, sys
raw = open(sys.argv[1], 'rb').read()
(n,) = struct.unpack('<Q', raw[:8])
assert n % 8 == 0 and raw[8:9] == b'{', 'header'
header = json.loads(raw[8 : 8 + n])
metadata = header.pop('__metadata__', {})
formats = dict(F64='d', F32='f', F16='e', I32='i', U8='B', BOOL='B')
end, tensors = 0, {}
for name, t in sorted(header.items(), key=lambda item: item[1]['data_offsets']):
    begin, stop = t['data_offsets']
    size = struct.calcsize('<' + formats[t['dtype']])
    assert begin == end and begin % size == 0 and stop - begin == size * math.prod(t['shape']), name
    end = stop
    values = struct.unpack('<%d%s' % ((stop - begin) // size, formats[t['dtype']]), raw[8 + n + begin : 8 + n + stop])
    shown = [v if math.isfinite(v) else str(v) for v in values]
    tensors[name] = dict(dtype=t['dtype'], shape=t['shape'], values=shown)
assert 8 + n + end == len(raw), 'length'
print(json.dumps(dict(metadata=metadata, tensors=tensors)))`
  return JSON.parse(python(script, path))
}

const values = async (t: Tensor<DType> | undefined) => Array.from(await (t as Tensor<DType>).data())

describe('files of another writer', () => {
  it('reads the weights PyTorch wrote in float16, all of them exactly', async () => {
    const path = golden('mnist_cnn.weights.safetensors')
    const expected = readIndependently(path)
    const dict = await loadSafetensors(path)
    expect(Object.keys(dict)).toEqual([
      '0.weight',
      '0.bias',
      '3.weight',
      '3.bias',
      '7.weight',
      '7.bias',
      '10.weight',
      '10.bias',
    ])
    for (const [name, t] of Object.entries(dict)) {
      expect([name, t.dtype, t.shape]).toEqual([name, 'float32', expected.tensors[name]?.shape])
      expect(await values(t)).toEqual(expected.tensors[name]?.values)
    }
    expect(await safetensorsMetadata(path)).toEqual(expected.metadata)
  })

  it('reads bytes: uint8 images and int32 labels', async () => {
    const bytes = gunzipSync(readFileSync(golden('mnist_cnn.batches.safetensors.gz')))
    const path = join(folder, 'batches.safetensors')
    writeFileSync(path, bytes)
    const expected = readIndependently(path)
    const { images, labels } = await loadSafetensors(bytes)
    expect([images?.dtype, images?.shape]).toEqual(['uint8', [20, 64, 1, 28, 28]])
    expect([labels?.dtype, labels?.shape]).toEqual(['int32', [20, 64]])
    expect(await values(images)).toEqual(expected.tensors.images?.values)
    expect(await values(labels)).toEqual(expected.tensors.labels?.values)
  })

  it('reads every dtype, unaligned as well', async () => {
    const path = join(folder, 'dtypes.safetensors')
    python(
      `
import json, struct, sys
halves = [0.0, -0.0, 1.0, -2.5, 65504.0, 2**-24, -(2**-14), 1/3, float('inf'), float('-inf')]
items = [('BOOL', 'B', [0, 1, 7]), ('F16', 'e', halves), ('U8', 'B', [0, 255]), ('I8', 'b', [-128, 127, 5]),
         ('I16', 'h', [-32768, 32767]), ('U16', 'H', [0, 65535]), ('I32', 'i', [-2**31, 2**31 - 1]),
         ('U32', 'I', [0, 2**31 - 1]), ('I64', 'q', [-2**31, -1, 0, 2**31 - 1]), ('U64', 'Q', [0, 2**31 - 1]),
         ('F32', 'f', [1e-45, -3.4e38]), ('F64', 'd', [1e-320, 0.1])]
header, data = {}, b''
def add(dtype, shape, chunk):
    global data
    header[dtype] = dict(dtype=dtype, shape=shape, data_offsets=[len(data), len(data) + len(chunk)])
    data += chunk
for dtype, code, values in items:
    add(dtype, [len(values)], struct.pack('<%d%s' % (len(values), code), *values))
add('BF16', [2, 2], b''.join(struct.pack('<f', v)[2:] for v in [1.0, -0.5, 1.9921875 * 2.0**127, 2**-126]))
text = json.dumps(header).encode()
open(sys.argv[1], 'wb').write(struct.pack('<Q', len(text)) + text + data)`,
      path,
    )
    const dict = await loadSafetensors(path)
    const third = 0.333251953125 // 1/3 in binary16
    const expected: Record<string, [DType, number[]]> = {
      BOOL: ['bool', [0, 1, 1]],
      F16: ['float32', [0, -0, 1, -2.5, 65504, 2 ** -24, -(2 ** -14), third, Infinity, -Infinity]],
      U8: ['uint8', [0, 255]],
      I8: ['int32', [-128, 127, 5]],
      I16: ['int32', [-32768, 32767]],
      U16: ['int32', [0, 65535]],
      I32: ['int32', [-(2 ** 31), 2 ** 31 - 1]],
      U32: ['int32', [0, 2 ** 31 - 1]],
      I64: ['int32', [-(2 ** 31), -1, 0, 2 ** 31 - 1]],
      U64: ['int32', [0, 2 ** 31 - 1]],
      F32: ['float32', [1e-45, -3.4e38].map(Math.fround)],
      F64: ['float64', [1e-320, 0.1]],
      BF16: ['float32', [1, -0.5, 1.9921875 * 2 ** 127, 2 ** -126]],
    }
    for (const [name, [dtype, list]] of Object.entries(expected)) {
      expect([name, dict[name]?.dtype]).toEqual([name, dtype])
      expect([name, await values(dict[name])]).toEqual([name, list])
    }
    expect(dict.BF16?.shape).toEqual([2, 2])
  })

  it('keeps NaN in float16', () => {
    const header = '{"a":{"dtype":"F16","shape":[1],"data_offsets":[0,2]}}'
    expect(parseSafetensors(file(header, [1, 0x7e])).entries.a?.data).toEqual(Float32Array.of(Number.NaN))
  })

  it.each(['I64', 'U64', 'U32'])('refuses %s values that int32 cannot hold', (dtype) => {
    const bytes = dtype === 'U32' ? [0, 0, 0, 128] : [0, 0, 0, 0, 1, 0, 0, 0]
    const header = `{"ids":{"dtype":"${dtype}","shape":[1],"data_offsets":[0,${bytes.length}]}}`
    expect(() => parseSafetensors(file(header, bytes))).toThrow(
      `parseSafetensors: expected the ${dtype} values of 'ids' to fit into int32`,
    )
  })
})

describe('saveSafetensors', () => {
  it('writes what an independent reader reads', async () => {
    const path = join(folder, 'all.safetensors')
    const dict = {
      flags: tensor([1, 0, 1], { dtype: 'bool' }),
      'conv.weight': tensor([
        [0.1, -1.5],
        [Number.NaN, Number.POSITIVE_INFINITY],
      ]),
      bytes: tensor(Uint8Array.of(1, 2, 255)),
      double: tensor(Float64Array.of(0.1)),
      labels: tensor(Int32Array.of(-5, 7)),
      scalar: tensor(3.25),
      none: zeros([0, 3]),
      'naïve "名前"': tensor([1]),
    }
    await saveSafetensors(path, dict, { format: 'pt', note: 'ü "quoted"' })
    const read = readIndependently(path)
    expect(read.metadata).toEqual({ format: 'pt', note: 'ü "quoted"' })
    expect(read.tensors).toEqual({
      flags: { dtype: 'BOOL', shape: [3], values: [1, 0, 1] },
      'conv.weight': { dtype: 'F32', shape: [2, 2], values: [Math.fround(0.1), -1.5, 'nan', 'inf'] },
      bytes: { dtype: 'U8', shape: [3], values: [1, 2, 255] },
      double: { dtype: 'F64', shape: [1], values: [0.1] },
      labels: { dtype: 'I32', shape: [2], values: [-5, 7] },
      scalar: { dtype: 'F32', shape: [], values: [3.25] },
      none: { dtype: 'F32', shape: [0, 3], values: [] },
      'naïve "名前"': { dtype: 'F32', shape: [1], values: [1] },
    })
    const back = await loadSafetensors(path)
    for (const [name, t] of Object.entries(dict)) {
      expect([name, back[name]?.dtype, back[name]?.shape]).toEqual([name, t.dtype, t.shape])
      expect(await values(back[name])).toEqual(await values(t))
    }
  })

  it('writes the logical order of a tensor that is laid out otherwise', async () => {
    const path = join(folder, 'strided.safetensors')
    await saveSafetensors(path, {
      t: tensor([
        [1, 2, 3],
        [4, 5, 6],
      ]).transpose(0, 1),
    })
    expect(readIndependently(path).tensors.t).toEqual({ dtype: 'F32', shape: [3, 2], values: [1, 4, 2, 5, 3, 6] })
  })

  it('takes a map and a file URL, and makes missing folders', async () => {
    const url = new URL(`file://${folder}/new/deep/map.safetensors`)
    await saveSafetensors(url, new Map([['a', tensor([1, 2])]]))
    expect(await values((await loadSafetensors(url)).a)).toEqual([1, 2])
  })

  it('saves the values of the moment it was called', async () => {
    const path = join(folder, 'snapshot.safetensors')
    const weight = tensor([1, 2], { requiresGrad: true })
    const optimizer = new optim.SGD([weight], { lr: 1 })
    weight.mul(10).sum().backward()
    const saving = saveSafetensors(path, { weight })
    optimizer.step()
    await saving
    expect(await values((await loadSafetensors(path)).weight)).toEqual([1, 2])
    expect(await values(weight)).toEqual([-9, -8])
  })

  it('keeps names that objects treat specially', () => {
    const entry = { dtype: 'float32', shape: [1], data: Float32Array.of(4) } as const
    const { entries } = parseSafetensors(
      encodeSafetensors(
        new Map([
          ['__proto__', entry],
          ['constructor', entry],
        ]),
      ),
    )
    expect(Object.keys(entries)).toEqual(['__proto__', 'constructor'])
    expect(Object.getOwnPropertyDescriptor(entries, '__proto__')?.value.data).toEqual(Float32Array.of(4))
  })

  it.each([
    [
      'a tensor named as the format names metadata',
      { __metadata__: zeros([1]) },
      {},
      /expected tensors named otherwise than __metadata__/,
    ],
    ['something that is no tensor', { a: 3 as never }, {}, "saveSafetensors: expected 'a' to be a tensor, got number"],
    ['metadata that is no string', {}, { a: 1 as never }, "expected metadata values to be strings, got number for 'a'"],
  ])('refuses %s and leaves the file as it was', async (_, dict, metadata, message) => {
    const path = join(folder, 'kept.safetensors')
    writeFileSync(path, 'old')
    await expect(saveSafetensors(path, dict, metadata)).rejects.toThrow(message)
    expect(readFileSync(path, 'utf8')).toBe('old')
  })

  it('refuses a path that is none', async () => {
    await expect(saveSafetensors(undefined as never, {})).rejects.toThrow(
      'saveSafetensors: expected a path or a file: URL, got undefined',
    )
    await expect(loadSafetensors('')).rejects.toMatchObject({ code: 'ERR_QUERN_ARGUMENT' })
  })
})

describe('encodeSafetensors', () => {
  const entry = (...data: number[]) => ({
    dtype: 'float32' as const,
    shape: [data.length],
    data: Float32Array.from(data),
  })

  it('gives the same bytes for the same entries, in the order given', () => {
    const make = () => encodeSafetensors({ b: entry(1), a: entry(2, 3) }, { k: 'v' })
    expect(make()).toEqual(make())
    expect(Object.keys(parseSafetensors(make()).entries)).toEqual(['b', 'a'])
  })

  it('aligns every tensor by putting large elements first', () => {
    const bytes = encodeSafetensors({
      small: { dtype: 'uint8', shape: [3], data: Uint8Array.of(1, 2, 3) },
      large: { dtype: 'float64', shape: [1], data: Float64Array.of(0.5) },
    })
    const { entries } = parseSafetensors(bytes)
    // A view of the file itself is possible only where the data is aligned.
    expect(entries.large?.data.buffer).toBe(bytes.buffer)
    expect(entries.large?.data[0]).toBe(0.5)
  })

  it('refuses entries that contradict themselves', () => {
    const data = Float32Array.of(1, 2)
    expect(() => encodeSafetensors({ w: { dtype: 'float32', shape: [3], data } })).toThrow(
      "encodeSafetensors: expected 3 values for 'w' of shape 3, got 2",
    )
    expect(() => encodeSafetensors({ w: { dtype: 'int32', shape: [2], data } })).toThrow(
      "expected the data of 'w' (int32) in a Int32Array, got Float32Array",
    )
    expect(() => encodeSafetensors({ w: { dtype: 'float16' as never, shape: [2], data } })).toThrow(
      'expected dtype to be one of',
    )
  })
})

/** A file with this header as it stands and these bytes of data. */
function file(
  header: string,
  data: readonly number[] = [],
  length = new TextEncoder().encode(header).length,
): Uint8Array {
  const text = new TextEncoder().encode(header)
  const bytes = new Uint8Array(8 + text.length + data.length)
  new DataView(bytes.buffer).setBigUint64(0, BigInt(length), true)
  bytes.set(text, 8)
  bytes.set(data, 8 + text.length)
  return bytes
}

describe('malformed files', () => {
  const place = (name: string, shape: string, offsets: string, dtype = '"U8"') =>
    `"${name}":{"dtype":${dtype},"shape":${shape},"data_offsets":${offsets}}`
  const png = Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0, 0, 0, 13)
  const text = (s: string) => new TextEncoder().encode(s)

  const cases: [string, Uint8Array, string][] = [
    ['a PNG', png, 'got a PNG image; check the path'],
    ['a PyTorch checkpoint', text('PK\x03\x04........'), 'got a ZIP archive; if it is a PyTorch checkpoint'],
    ['a gzip file', Uint8Array.of(0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3), 'got a gzip file; unpack it'],
    ['a Git LFS pointer', text('version https://git-lfs.github.com/spec/v1\n'), 'got a Git LFS pointer'],
    ['a web page', text('<!DOCTYPE html><html></html>'), 'got an HTML page'],
    [
      'random bytes',
      Uint8Array.from({ length: 20 }, (_, i) => i),
      'got 20 bytes that begin with 00 01 02 03 04 05 06 07',
    ],
    ['a few bytes', Uint8Array.of(1, 2, 3), 'got 3 bytes that begin with 01 02 03'],
    ['a header of more than 100 MB', file('{}', [], 100_000_001), 'expected a safetensors file'],
    ['a header cut off', file('{"a":', [], 500), 'expected a header of 500 bytes, got a file cut off after 13 bytes'],
    ['a header that is no JSON', file('{"a": nonsense}'), 'expected a JSON header, got what does not parse'],
    ['a header that is no UTF-8', Uint8Array.of(3, 0, 0, 0, 0, 0, 0, 0, 0x7b, 0xff, 0x7d), 'expected a JSON header'],
    ['a header that is an array', file('[1,2,3]'), 'expected a safetensors file'],
    ['a name twice', file(`{${place('w', '[1]', '[0,1]')},${place('w', '[1]', '[1,2]')}}`, [1, 2]), "got 'w' twice"],
    [
      'a name twice, escaped',
      file(`{${place('w', '[1]', '[0,1]')},${place('\\u0077', '[1]', '[0,1]')}}`, [1]),
      "got 'w' twice",
    ],
    ['a metadata key twice', file('{"__metadata__":{"k":"a","k":"b"}}'), "got 'k' twice"],
    [
      'metadata that is no string',
      file('{"__metadata__":{"k":1}}'),
      'expected __metadata__ to map names to strings, got {"k":1}',
    ],
    ['metadata that is a list', file('{"__metadata__":["k"]}'), 'expected __metadata__ to map names to strings'],
    [
      'an unknown dtype',
      file(`{${place('w', '[1]', '[0,1]', '"F8_E4M3"')}}`, [1]),
      "expected the dtype of 'w' to be one of F64 F32",
    ],
    [
      'a dtype that is a method',
      file(`{${place('w', '[1]', '[0,1]', '"toString"')}}`, [1]),
      "expected the dtype of 'w'",
    ],
    [
      'no dtype',
      file('{"w":{"shape":[1],"data_offsets":[0,1]}}', [1]),
      "expected 'w' to have a dtype, a shape and two data_offsets",
    ],
    [
      'no object for a tensor',
      file('{"w":null}'),
      "expected 'w' to have a dtype, a shape and two data_offsets, got null",
    ],
    ['a negative size', file(`{${place('w', '[-1]', '[0,1]')}}`, [1]), "expected 'w' to have a dtype"],
    ['a fractional size', file(`{${place('w', '[0.5]', '[0,1]')}}`, [1]), "expected 'w' to have a dtype"],
    [
      'sizes past what numbers hold',
      file(`{${place('w', '[9007199254740991,9007199254740991]', '[0,1]')}}`, [1]),
      "bytes for 'w'",
    ],
    ['three offsets', file(`{${place('w', '[1]', '[0,1,2]')}}`, [1]), 'two data_offsets'],
    [
      'offsets in reverse',
      file(`{${place('w', '[1]', '[1,0]')}}`, [1]),
      "expected 1 bytes for 'w' (U8 1), got -1 (data_offsets 1, 0)",
    ],
    [
      'shape and bytes that differ',
      file(`{${place('w', '[2,3]', '[0,5]')}}`, [1, 2, 3, 4, 5]),
      "expected 6 bytes for 'w' (U8 2×3), got 5",
    ],
    [
      'data cut off',
      file(`{${place('w', '[4]', '[0,4]')}}`, [1, 2]),
      'expected 4 bytes of data, got 2: the file is cut off',
    ],
    [
      'data that belongs to no tensor',
      file(`{${place('w', '[1]', '[0,1]')}}`, [1, 2]),
      'expected 1 bytes of data, got 2: bytes follow',
    ],
    ['data and no tensor', file('{}', [1]), 'expected 0 bytes of data, got 1'],
    [
      'a hole at the beginning',
      file(`{${place('w', '[1]', '[1,2]')}}`, [1, 2]),
      "'w' to begin at byte 0, got 1, which leaves a hole",
    ],
    [
      'a hole',
      file(`{${place('a', '[1]', '[0,1]')},${place('b', '[1]', '[2,3]')}}`, [1, 2, 3]),
      "'b' to begin at byte 1, got 2, which leaves a hole",
    ],
    [
      'an overlap',
      file(`{${place('a', '[2]', '[0,2]')},${place('b', '[2]', '[1,3]')}}`, [1, 2, 3]),
      "'b' to begin at byte 2, got 1, which overlaps",
    ],
    [
      'the same data twice',
      file(`{${place('a', '[1]', '[0,1]')},${place('b', '[1]', '[0,1]')}}`, [1]),
      'which overlaps',
    ],
  ]

  it.each(cases)('%s', async (name, bytes, message) => {
    const path = join(folder, `bad-${name.replaceAll(' ', '-')}.safetensors`)
    writeFileSync(path, bytes)
    const loading = loadSafetensors(path)
    await expect(loading).rejects.toMatchObject({ name: 'FormatError', code: 'ERR_QUERN_FORMAT' })
    await expect(loading).rejects.toThrow(`loadSafetensors: ${path}: expected`)
    await expect(loading).rejects.toThrow(message)
    expect(() => parseSafetensors(bytes)).toThrow(message)
  })

  it('every file cut short anywhere is refused', () => {
    const whole = encodeSafetensors({ w: { dtype: 'float32', shape: [3], data: Float32Array.of(1, 2, 3) } }, { k: 'v' })
    for (let length = 0; length < whole.length; length++) {
      expect(() => parseSafetensors(whole.subarray(0, length))).toThrow('parseSafetensors: expected')
    }
  })

  it('a missing file, a folder and an empty file', async () => {
    const format = { code: 'ERR_QUERN_FORMAT' }
    const missing = join(folder, 'missing.safetensors')
    await expect(loadSafetensors(missing)).rejects.toMatchObject({
      ...format,
      message: `loadSafetensors: expected a safetensors file at ${missing}, got no such file; check the path`,
    })
    await expect(loadSafetensors(folder)).rejects.toMatchObject({
      ...format,
      message: `loadSafetensors: expected a safetensors file at ${folder}, got a folder; give the path of a file in it`,
    })
    const empty = join(folder, 'empty.safetensors')
    writeFileSync(empty, '')
    await expect(safetensorsMetadata(empty)).rejects.toMatchObject({
      ...format,
      message: `safetensorsMetadata: expected a safetensors file at ${empty}, got an empty file; write or download it again`,
    })
    await expect(loadSafetensors(new Uint8Array())).rejects.toThrow('got nothing (0 bytes)')
  })

  it('metadata is read without the data', async () => {
    const path = join(folder, 'header-only.safetensors')
    writeFileSync(path, file(`{"__metadata__":{"epoch":"3"},${place('w', '[4]', '[0,4]')}}`))
    expect(await safetensorsMetadata(path)).toEqual({ epoch: '3' })
  })

  it('accepts what the format allows: padding, no tensors, empty metadata', async () => {
    expect(await loadSafetensors(file('{}      '))).toEqual({})
    expect(await safetensorsMetadata(file('{"__metadata__":{}}'))).toEqual({})
  })
})
