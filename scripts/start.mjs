// @ts-check
// `npm start -- <options>`: builds the addon if it is stale (or the WASM module, where no compiler is), trains on MNIST.
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { build } from './build.mjs'
import { missingTools, root } from './native.mjs'

if (!build([missingTools().length === 0 ? 'native' : 'wasm'])) process.exit(1)
const example = join(root, 'examples/mnist.ts')
const { status } = spawnSync(process.execPath, ['--import', 'tsx', example, ...process.argv.slice(2)], {
  stdio: 'inherit',
})
process.exit(status ?? 1)
