// Random calls of every operation, for scripts/fuzz.mjs. With --trace each is told before it is made, so that the last one told
// is what ended the process.
import { writeSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { runtime } from 'quern'
import { fuzz } from './fuzz.js'

const { values } = parseArgs({
  options: { calls: { type: 'string' }, seed: { type: 'string' }, trace: { type: 'boolean' } },
})
const [calls, seed] = [Number(values.calls ?? 20_000), Number(values.seed ?? 1)]
const start = performance.now()
const { faults, returned, refused, backward, live, reserved } = await fuzz(
  calls,
  seed,
  values.trace ? (call) => writeSync(2, `${call}\n`) : undefined,
)
const { backend, isa } = runtime()
for (const fault of faults.slice(0, 20)) console.error(`${fault}\n`)
console.log(
  `seed ${seed} on ${backend} ${isa}: ${calls} calls in ${((performance.now() - start) / 1000).toFixed(0)} s, ` +
    `${returned} returned, ${refused} refused, ${backward} backward; live ${live.join(' → ')} B, ` +
    `reserved ${reserved.map((n) => (n / 2 ** 20).toFixed(1)).join(' → ')} MiB; ${faults.length} faults`,
)
process.exitCode = faults.length > 0 || live[1] > live[0] ? 1 : 0
