// Every kernel's rows: shapes, the least work they take, and the share of the machine's limit that they must reach.
import type { Plan } from '../table.js'
import { type Conv, convBytes, convFlops, type Gemm, gemmFlops, outputSize, type Pass, type Pool } from '../work.js'

function gemm(m: number, n: number, k: number, transposes: string, extra: Partial<Plan>): Plan {
  const work: Gemm = { op: 'gemm', m, n, k, transposes }
  const name = m === n && n === k ? `sgemm ${n} ${transposes}` : `sgemm ${m}×${n}×${k}`
  return { group: 'matrix product', name, unit: 'GFLOP/s', work, amount: gemmFlops(work), limit: 'peak', ...extra }
}

const shares: Record<number, number> = { 128: 0.6, 256: 0.6, 512: 0.85, 1024: 0.85, 2048: 0.85 }

const squares = [64, 128, 256, 512, 1024, 2048].flatMap((size) =>
  ['nn', 'nt', 'tn', 'tt'].map((transposes) =>
    gemm(size, size, size, transposes, {
      ...(shares[size] ? { goals: { share: shares[size] } } : {}),
      quick: transposes === 'nn' && size >= 256 && size < 2048,
    }),
  ),
)

// Of products so thin that a share of the limit says little.
const asPyTorch = { goals: { times: { PyTorch: 1 } } }

const skinny = [
  gemm(64, 10, 128, 'nn', asPyTorch),
  gemm(64, 128, 3136, 'nn', { ...asPyTorch, quick: true }),
  gemm(4096, 64, 27, 'nn', asPyTorch),
  gemm(1, 4096, 4096, 'nn', {
    ...{ unit: 'GB/s', limit: 'stream', goals: { share: 0.8 }, quick: true },
    ...{ amount: 4 * (4096 * 4096 + 2 * 4096), note: 'the matrix once, both vectors' },
  }),
]

const titles: Record<Pass, string> = { forward: 'forward', data: 'backward-data', weights: 'backward-weights' }

interface Shape {
  group: string
  /** n, c, h = w, k, kernel, stride. */
  shape: [number, number, number, number, number, number]
  /** Of the limit, that are asked for. */
  shares: Partial<Record<Pass, number>>
  depthwise?: boolean
  quick?: boolean
}

function conv({ group, shape, shares, depthwise = false, quick = false }: Shape): Plan[] {
  const [n, c, h, k, kernel, stride] = shape
  const geometry = { n, c, h, w: h, k, kernel, stride, padding: (kernel - 1) / 2, groups: depthwise ? c : 1 }
  const channels = depthwise ? `${c}` : `${c}→${k}`
  return (Object.keys(shares) as Pass[]).map((pass): Plan => {
    const work: Conv = { op: 'conv', ...geometry, pass }
    const name = `${depthwise ? 'depthwise' : 'conv'} ${n}×${h}×${h} ${channels} ${kernel}×${kernel}${stride > 1 ? ` s${stride}` : ''} ${titles[pass]}`
    const row = { group, name, work, goals: { share: shares[pass] as number }, quick }
    return depthwise
      ? { ...row, unit: 'GB/s', limit: 'stream', amount: convBytes(work), note: 'input, weights, output once' }
      : { ...row, unit: 'GFLOP/s', limit: 'peak', amount: convFlops(work) }
  })
}

const passes = (forward: number, data: number, weights: number) => ({ forward, data, weights })

const square = { group: 'convolution 3×3', shares: passes(0.8, 0.75, 0.7) }
const pointwise = { group: 'convolution 1×1', shares: passes(0.7, 0.65, 0.65) }
const strided = { group: 'convolution, strided', shares: passes(0.55, 0.55, 0.55) }
const first = { group: 'convolution, first layer', shares: { forward: 0.4, weights: 0.35 } }
const depthwise = { group: 'convolution, depthwise', shares: passes(0.65, 0.65, 0.65), depthwise: true }

const convolutions = [
  { ...square, shape: [64, 64, 32, 64, 3, 1], quick: true },
  { ...square, shape: [64, 128, 16, 128, 3, 1] },
  { ...square, shape: [64, 256, 8, 256, 3, 1] },
  { ...square, shape: [16, 64, 56, 64, 3, 1] },
  { ...square, shape: [16, 256, 14, 256, 3, 1] },
  { ...square, shape: [16, 512, 7, 512, 3, 1] },
  { ...pointwise, shape: [64, 64, 32, 128, 1, 1] },
  { ...pointwise, shape: [16, 256, 56, 64, 1, 1] },
  { ...strided, shape: [16, 64, 56, 128, 3, 2] },
  { ...strided, shape: [16, 3, 224, 64, 7, 2] },
  { ...first, shape: [64, 3, 32, 64, 3, 1] },
  { ...first, shape: [64, 1, 28, 32, 3, 1] },
  { ...depthwise, shape: [16, 96, 56, 96, 3, 1], quick: true },
  { ...depthwise, shape: [16, 96, 56, 96, 3, 2] },
  { ...depthwise, shape: [16, 384, 14, 384, 3, 1] },
].flatMap((shape) => conv(shape as Shape))

/** 10 M parameters in 160 tensors: big and small ones, as networks have them. */
const sizes = Array.from({ length: 160 }, (_, i) => (i % 2 === 0 ? 124_488 : 512))
const parameters = sizes.reduce((sum, size) => sum + size, 0)

const optimizers = (
  [
    ['AdamW', 'adamw', 28],
    ['Adam', 'adam', 28],
    ['SGD, momentum', 'sgd', 20],
  ] as const
).map(
  ([name, kind, bytes]): Plan => ({
    ...{ group: 'optimiser, 10 M parameters in 160 tensors', name, unit: 'GB/s', limit: 'stream' },
    ...{ work: { op: 'optimizer', kind, sizes }, amount: bytes * parameters, quick: kind === 'adamw' },
    goals: { share: 0.85 },
    note: `${bytes} bytes per parameter`,
  }),
)

const image = { n: 64, c: 64, h: 32, w: 32 }
const elements = 64 * 64 * 32 * 32

/** A row that memory limits: bytes per element of the input. */
function streaming(name: string, work: Plan['work'], bytes: number, quick = false): Plan {
  const note = `${bytes} bytes per element of the input`
  const common = { group: 'memory-bound, 64×64×32×32', unit: 'GB/s', limit: 'stream' } as const
  const count = work.op === 'cross-entropy' ? work.rows * work.classes : elements
  return { ...common, name, work, amount: bytes * count, note, quick, goals: { share: 0.75 } }
}

const directions = ['forward', 'backward'] as const

// Input and output once; a maximum's position is a byte, and comes beside each output.
function pool(title: string, op: Pool['op'], kernel: number, stride: number, padding: number): Plan[] {
  const share = outputSize(32, { kernel, stride, padding }) ** 2 / 32 ** 2
  const bytes = 4 + share * (op === 'max-pool' ? 5 : 4)
  return directions.map((pass) =>
    streaming(
      `${title} ${pass}`,
      { op, ...image, kernel, stride, padding, pass },
      bytes,
      op === 'max-pool' && kernel === 2,
    ),
  )
}

const memoryBound = [
  ...pool('max-pool 2×2', 'max-pool', 2, 2, 0),
  ...pool('max-pool 3×3 s2', 'max-pool', 3, 2, 1),
  ...pool('average-pool 2×2', 'avg-pool', 2, 2, 0),
  // Forward reads and writes once where the convolution before it gives the statistics: 8; backward 4 reads, 1 write: 20.
  streaming('batch norm + ReLU, forward and backward', { op: 'batch-norm', ...image }, 28, true),
  ...directions.map((pass) => streaming(`add + ReLU ${pass}`, { op: 'add-relu', ...image, pass }, 12)),
  streaming('softmax cross-entropy 4096×1000, both', { op: 'cross-entropy', rows: 4096, classes: 1000 }, 8),
  ...directions.map((pass) => streaming(`dropout ${pass}`, { op: 'dropout', ...image, pass }, 8)),
]

export const kernelPlans: Plan[] = [...squares, ...skinny, ...convolutions, ...optimizers, ...memoryBound]
