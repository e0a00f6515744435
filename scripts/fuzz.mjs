// @ts-check
// `npm run fuzz -- --calls 20000 --seed 1 [--sanitize] [--trace]`: random calls of every operation on the native backend, with
// --sanitize under AddressSanitizer and UndefinedBehaviorSanitizer.
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { build, sanitized } from './build.mjs'
import { root } from './native.mjs'

/** What the sanitised addon needs: the sanitizers loaded before everything else. */
function sanitizing() {
  const { stdout } = spawnSync(process.env.CXX ?? 'c++', ['-print-file-name=libasan.so'], { encoding: 'utf8' })
  return {
    QUERN_PREBUILD: sanitized,
    LD_PRELOAD: stdout?.trim(),
    // What V8 still holds at exit would be called a leak: the fuzzer counts the engine's own memory. Some calls ask for more
    // memory than there is, and are to be told so.
    ASAN_OPTIONS: 'detect_leaks=0:allocator_may_return_null=1',
    UBSAN_OPTIONS: 'print_stacktrace=1',
  }
}

/** Runs the fuzzer in a process of its own; whether it found nothing.
 * @param {number} calls @param {number} seed @param {boolean} sanitize @param {boolean} trace */
export function fuzz(calls, seed, sanitize, trace = false) {
  const args = [
    '--expose-gc',
    '--import',
    'tsx',
    join(root, 'test/fuzz/run.ts'),
    '--calls',
    `${calls}`,
    '--seed',
    `${seed}`,
  ]
  if (trace) args.push('--trace')
  const env = { ...process.env, QUERN_BACKEND: 'native', ...(sanitize ? sanitizing() : {}) }
  const { status, signal } = spawnSync(process.execPath, args, { cwd: root, env, stdio: 'inherit' })
  if (status !== 0)
    console.log(`the fuzzer ended with ${signal ?? status}; --trace tells the call that a crash came from`)
  return status === 0
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { values } = parseArgs({
    options: {
      calls: { type: 'string' },
      seed: { type: 'string' },
      sanitize: { type: 'boolean' },
      trace: { type: 'boolean' },
    },
  })
  const { calls = '20000', seed = '1', sanitize = false, trace = false } = values
  process.exit(build([sanitize ? 'sanitized' : 'native']) && fuzz(Number(calls), Number(seed), sanitize, trace) ? 0 : 1)
}
