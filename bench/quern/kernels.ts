// One operation of the library per row, through its public functions, on tensors that already lie as it wants them.
import {
  add,
  avgPool2d,
  conv2d,
  crossEntropy,
  dropout,
  grad,
  matmul,
  maxPool2d,
  nn,
  noGrad,
  ones,
  optim,
  rand,
  randint,
  randn,
  relu,
  synchronize,
  type Tensor,
  transpose,
} from 'quern'
import { timed } from '../peers/serve.mjs'
import type { Additions, BatchNormRelu, Conv, CrossEntropy, Gemm, Optimize, Pointwise, Pool, Work } from '../work.js'

/** Encodes the work once and releases what it made. */
type Step = () => void

/** An (N,C,H,W) tensor that lies channels-last, as layers return them. */
function image(n: number, c: number, h: number, w: number, requiresGrad = false): Tensor {
  const t = randn([n, h, w, c]).permute([0, 3, 1, 2])
  t.requiresGrad = requiresGrad
  return t
}

/** The gradients of y with respect to the inputs and nothing else, again and again. */
function backward(y: Tensor, inputs: Tensor[], like?: Tensor): Step {
  const gradient = like ?? channelsLastLike(y)
  return () => {
    for (const t of grad(y, inputs, { gradient, retainGraph: true })) t.dispose()
  }
}

const channelsLastLike = (y: Tensor): Tensor => image(...(y.shape as [number, number, number, number]))

const forward =
  (fn: () => Tensor): Step =>
  () =>
    noGrad(fn).dispose()

function gemm({ m, n, k, transposes }: Gemm): Step {
  const operand = (rows: number, columns: number, transposed: boolean) =>
    transposed ? transpose(randn([columns, rows]), 0, 1) : randn([rows, columns])
  const a = operand(m, k, transposes[0] === 't')
  const b = operand(k, n, transposes[1] === 't')
  return forward(() => matmul(a, b))
}

function conv({ n, c, h, w, k, kernel, stride, padding, groups, pass }: Conv): Step {
  const x = image(n, c, h, w, pass === 'data')
  const weight = randn([k, c / groups, kernel, kernel], { requiresGrad: pass === 'weights' })
  const run = () => conv2d(x, weight, { stride, padding, groups })
  return pass === 'forward' ? forward(run) : backward(run(), [pass === 'data' ? x : weight])
}

function pool({ op, n, c, h, w, kernel, stride, padding, pass }: Pool): Step {
  const x = image(n, c, h, w, pass === 'backward')
  const run = () => (op === 'max-pool' ? maxPool2d : avgPool2d)(x, kernel, { stride, padding })
  return pass === 'forward' ? forward(run) : backward(run(), [x])
}

function addRelu({ n, c, h, w, pass }: Pointwise): Step {
  const [a, b] = [image(n, c, h, w, pass === 'backward'), image(n, c, h, w, pass === 'backward')]
  const run = () => {
    const sum = add(a, b)
    const y = relu(sum)
    sum.dispose()
    return y
  }
  return pass === 'forward' ? forward(run) : backward(run(), [a, b])
}

function dropped({ n, c, h, w, pass }: Pointwise): Step {
  const x = image(n, c, h, w, pass === 'backward')
  return pass === 'forward' ? forward(() => dropout(x)) : backward(dropout(x), [x])
}

function batchNorm({ n, c, h, w }: BatchNormRelu): Step {
  const layers = new nn.Sequential(new nn.BatchNorm2d(c), new nn.ReLU())
  const x = image(n, c, h, w, true)
  const inputs = [x, ...layers.parameters()]
  const gradient = image(n, c, h, w)
  return () => {
    const y = layers.forward(x) as Tensor
    for (const t of grad(y, inputs, { gradient })) t.dispose()
    y.dispose()
  }
}

function crossEntropyOf({ rows, classes }: CrossEntropy): Step {
  const x = randn([rows, classes], { requiresGrad: true })
  const target = randint(0, classes, [rows])
  return () => {
    const loss = crossEntropy(x, target)
    for (const t of grad(loss, [x])) t.dispose()
    loss.dispose()
  }
}

function optimizer({ kind, sizes }: Optimize): Step {
  const parameters = sizes.map((size) => {
    const p = nn.parameter(randn([size]))
    p.grad = randn([size])
    return p
  })
  const make = {
    adamw: () => new optim.AdamW(parameters),
    adam: () => new optim.Adam(parameters),
    sgd: () => new optim.SGD(parameters, { lr: 0.01, momentum: 0.9 }),
  }
  const made = make[kind]()
  return () => made.step()
}

function additions({ recorded }: Additions): Step {
  const [a, b] = [rand([4], { requiresGrad: recorded }), ones([4])]
  return recorded ? () => add(a, b).dispose() : forward(() => add(a, b))
}

function stepOf(work: Work): Step {
  switch (work.op) {
    case 'gemm':
      return gemm(work)
    case 'conv':
      return conv(work)
    case 'max-pool':
    case 'avg-pool':
      return pool(work)
    case 'add-relu':
      return addRelu(work)
    case 'dropout':
      return dropped(work)
    case 'batch-norm':
      return batchNorm(work)
    case 'cross-entropy':
      return crossEntropyOf(work)
    case 'optimizer':
      return optimizer(work)
    case 'additions':
      return additions(work)
    default:
      throw new Error(`expected a kernel's work, got ${work.op}`)
  }
}

// So few that the encoder never waits for the engine to catch up.
const burst = 500

export function openKernel(work: Work) {
  const step = stepOf(work)
  const encode = (count: number) => {
    for (let i = 0; i < count; i++) step()
  }
  const encodeOnly = async (count: number): Promise<number> => {
    let seconds = 0
    for (let left = count; left > 0; left -= burst) {
      seconds += await timed(() => encode(Math.min(left, burst)))
      await synchronize()
    }
    return seconds
  }
  return {
    async run(count: number): Promise<number> {
      await synchronize()
      if (work.op === 'additions' && work.encode) return encodeOnly(count)
      return timed(() => {
        encode(count)
        return synchronize()
      })
    },
  }
}
