// Every public operation, once: what it takes, and so what it must refuse. The tests of errors and the fuzzer draw from it.
import { elementwise } from './catalogue-elementwise.js'
import { functional } from './catalogue-functional.js'
import { losses } from './catalogue-losses.js'
import { modules } from './catalogue-modules.js'
import { shapes } from './catalogue-shape.js'
import type { Operation } from './operation.js'

export const catalogue: readonly Operation[] = [...elementwise, ...shapes, ...functional, ...losses, ...modules]
