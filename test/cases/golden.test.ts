// Every function against PyTorch's values and gradients (test/golden/*.py, beside their data).
import { describe, test } from 'vitest'
import { type GoldenCase, runCase } from '../golden/case.js'
import { readGolden } from '../golden/read.js'

const files = ['ops', 'norm', 'operators', 'sweep', 'sweep_nn']

describe.each([
  ['float32', 1e-5],
  ['float64', 1e-12],
] as const)('PyTorch’s values in %s', (dtype, tolerance) => {
  describe.each(files)('%s.json', (file) => {
    const { cases } = readGolden<{ cases: GoldenCase[] }>(`${file}.json`)
    test.each(cases.map((c) => [c.name, c] as const))('%s', (_, c) => runCase(c, dtype, tolerance))
  })
})
