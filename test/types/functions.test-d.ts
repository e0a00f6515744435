// Checked by `npm run types`: every exported function is in one of the tables.
import type * as q from 'quern'
import { layers } from './layers.test-d.js'
import { mathematics } from './mathematics.test-d.js'
import { tensors } from './tensors.test-d.js'
import type { Calls } from './values.js'

export const functions: Calls<typeof q> = { ...layers, ...mathematics, ...tensors }
