// @ts-check
// `npm run exact -- <options>`: the exactness sweep. On whole numbers so small that float32 holds every sum, each kernel
// must give what its reference gives, bit for bit, on every instruction set and with any number of workers, and write
// nowhere else.
import { spawnSync } from 'node:child_process'
import { Command, InvalidArgumentError, Option } from 'commander'
import { testBuilders } from './build.mjs'
import { testProgram } from './native.mjs'

/** @param {string} text */
function count(text) {
  const value = Number(text)
  if (!Number.isSafeInteger(value) || value < 0) throw new InvalidArgumentError('expected a whole number.')
  return value
}

const { shapes, seed, only, backend, ...chosen } = new Command('exact')
  .description('Compares every kernel with its reference, bit for bit, on random shapes.')
  .option('--shapes <n>', 'random shapes of each sweep', count, 6000)
  .option('--seed <n>', 'of the shapes and numbers', count, 1)
  .option('--only <name>', 'sweeps whose names contain this', '')
  .option('--case <n>', 'one case alone, as a failure names it', count)
  .addOption(new Option('--backend <name>', 'what computes').choices(Object.keys(testBuilders)).default('native'))
  .parse()
  .opts()

if (!testBuilders[backend]?.()) process.exit(1)
const [program, ...args] = testProgram(backend)
const range = chosen.case === undefined ? [0, shapes] : [chosen.case, 1]
const sweep = ['--sweep', only, String(seed), ...range.map(String)]
const { status, signal } = spawnSync(program, [...args, ...sweep], { stdio: 'inherit' })
if (signal) console.error(`exact: ended by ${signal}`)
process.exit(status ?? 1)
