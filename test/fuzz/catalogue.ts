// Every public operation, once: what it takes, and so what it must refuse. The tests of errors and the fuzzer draw from it.
import { elementwise } from './catalogue-elementwise.js'
import { functional } from './catalogue-functional.js'
import { inplace } from './catalogue-inplace.js'
import { layers } from './catalogue-layers.js'
import { losses } from './catalogue-losses.js'
import { pools } from './catalogue-pools.js'
import { shapes } from './catalogue-shape.js'
import { training } from './catalogue-training.js'
import type { Operation } from './operation.js'

export const catalogue: readonly Operation[] = [
  ...elementwise,
  ...shapes,
  ...functional,
  ...pools,
  ...losses,
  ...training,
  ...layers,
  ...inplace,
]
