// Trajectories of 100 steps against PyTorch's (test/golden/optim.py): g = A·p − b + p³/4.
import { add, div, matmul, mul, optim, sub, type Tensor, tensor } from 'quern'
import { describe, test } from 'vitest'
import { readGolden } from '../golden/read.js'
import { expectClose } from './values.js'

interface Run {
  optimizer: string
  options: Record<string, never>
  after: Record<string, number[]>
}

const golden = readGolden<{ A: number[][]; b: number[]; start: number[]; runs: Run[] }>('optim.json')
const built = { SGD: optim.SGD, Adam: optim.Adam, AdamW: optim.AdamW }
const runs = golden.runs.filter((r) => r.optimizer in built && !('amsgrad' in r.options))

describe.each([
  ['float32', 1e-5],
  ['float64', 1e-12],
] as const)('optimisers follow PyTorch in %s', (dtype, tolerance) => {
  const titled = runs.map((r) => [`${r.optimizer} ${JSON.stringify(r.options)}`, r] as const)
  test.each(titled)('%s', async (_, { optimizer, options, after }) => {
    const A = tensor(golden.A, { dtype })
    const b = tensor(golden.b, { dtype })
    const p = tensor(golden.start, { dtype, requiresGrad: true })
    const optimiser = new built[optimizer as keyof typeof built]([p], options)
    for (let step = 1; step <= 100; step++) {
      const x = p.detach() as Tensor<typeof dtype>
      p.grad = add(sub(matmul(A, x), b), div(mul(mul(x, x), x), 4)) as never
      optimiser.step()
      const expected = after[step]
      if (expected) expectClose(await p.data(), expected, tolerance)
    }
  })
})
