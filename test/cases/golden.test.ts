// Every function against PyTorch's values and gradients (test/golden/*.py, beside their data).
import * as quern from 'quern'
import { describe, expect, test } from 'vitest'
import { type GoldenCase, runCase } from '../golden/case.js'
import { readGolden } from '../golden/read.js'

const files = ['ops', 'norm', 'operators', 'sweep', 'sweep_nn', 'specials', 'features']
const casesOf = (file: string) => readGolden<{ cases: GoldenCase[] }>(`${file}.json`).cases

describe.each([
  ['float32', 1e-5],
  ['float64', 1e-12],
] as const)('PyTorch’s values in %s', (dtype, tolerance) => {
  describe.each(files)('%s.json', (file) => {
    test.each(casesOf(file).map((c) => [c.name, c] as const))('%s', (_, c) => runCase(c, dtype, tolerance))
  })
})

// Not mathematics, or random.
const others = [
  ...['init', 'runtime', 'setThreads', 'synchronize', 'tensor', 'empty'],
  ...['backward', 'checkpoint', 'enableGrad', 'grad', 'isGradEnabled', 'keep', 'noGrad', 'scope'],
  ...['gradCheck', 'gradGradCheck', 'numericGradient'],
  ...['manualSeed', 'randomState', 'setRandomState', 'rand', 'randint', 'randn', 'randperm', 'bernoulli'],
]

test('every function has cases', () => {
  const functions = Object.entries(quern).filter(([name, v]) => typeof v === 'function' && /^[a-z]/.test(name))
  const known = new Set(files.flatMap((file) => casesOf(file).map((c) => c.op)))
  expect(
    functions
      .map(([name]) => name)
      .filter((name) => !known.has(name))
      .sort(),
  ).toEqual(others.sort())
})
