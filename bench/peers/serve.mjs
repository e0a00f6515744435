// @ts-check
// The lines that a contestant's process reads and writes: one JSON object each.
//   {"open": work}                 {"variants": [{"name", "scale"}]}, empty if it cannot do that
//   {"run": count, "variant": i}   {"seconds"}
//   {"memory": true}               {"peak"}, bytes, and what else the peer knows
import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'

/**
 * @typedef {{ name?: string, scale?: number, run(count: number): Promise<number> | number }} Variant run gives seconds
 * @typedef {{ about: object, open(work: any): Promise<Variant[]> | Variant[], memory?(): object }} Server
 */

/** Answers until standard input ends. @param {Server} server */
export async function serve({ about, open, memory = () => ({}) }) {
  const say = (/** @type {object} */ answer) => process.stdout.write(`${JSON.stringify(answer)}\n`)
  /** @type {Variant[]} */
  let variants = []
  say({ ready: true, ...about })
  for await (const line of createInterface({ input: process.stdin })) {
    try {
      const message = JSON.parse(line)
      if (message.open) {
        variants = []
        globalThis.gc?.()
        variants = await open(message.open)
        say({ variants: variants.map(({ name, scale }) => ({ name, scale })) })
      } else if (message.run) {
        say({ seconds: await variants[message.variant]?.run(message.run) })
      } else {
        say({ peak: peakMemory(), ...memory() })
      }
    } catch (error) {
      say({ error: /** @type {Error} */ (error).message || String(error) })
    }
  }
}

/** Times fn. @param {() => unknown} fn @returns {Promise<number>} seconds */
export async function timed(fn) {
  const start = performance.now()
  await fn()
  return (performance.now() - start) / 1000
}

/** The number that follows an option on the command line. @param {string} option @param {number} otherwise */
export function numberOption(option, otherwise) {
  const at = process.argv.indexOf(option)
  return at < 0 ? otherwise : Number(process.argv[at + 1])
}

// VmHWM is this process's own; maxRSS, where that is all there is, counts what forked it too.
function peakMemory() {
  try {
    return 1024 * Number(/^VmHWM:\s*(\d+)/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1])
  } catch {
    return 1024 * process.resourceUsage().maxRSS
  }
}
