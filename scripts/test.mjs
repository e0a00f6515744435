// @ts-check
// `npm test`: builds what is stale, then runs the C++ tests, plain, sanitised and as WASM, random calls, sanitised, and the
// TypeScript suite on every backend. `npm test -- <vitest arguments>` runs only the latter. Ends with the counts of all; in CI
// a skipped test fails.
import { spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { build, testBuilders } from './build.mjs'
import { fuzz } from './fuzz.mjs'
import { root, testProgram } from './native.mjs'

const vitestArguments = process.argv.slice(2)
const total = { passed: 0, failed: 0, skipped: 0 }

/** @param {Partial<typeof total>} counts */
function count({ passed = 0, failed = 0, skipped = 0 }) {
  total.passed += passed
  total.failed += failed
  total.skipped += skipped
}

/** @param {string} tree */
function runNative(tree) {
  console.log(`\nC++ tests, build/${tree}`)
  const env = { ...process.env, ASAN_OPTIONS: 'detect_leaks=1', UBSAN_OPTIONS: 'print_stacktrace=1' }
  const [program, ...args] = testProgram(tree)
  const { status, stdout } = spawnSync(program, args, { env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] })
  process.stdout.write(stdout ?? '')
  const [, passed = 0, failed = 0] = /^(\d+) passed, (\d+) failed$/m.exec(stdout ?? '') ?? []
  // A crash leaves no counts, a sanitizer's report may come after them.
  const crashed = status !== 0 && Number(failed) === 0 ? 1 : 0
  if (crashed || Number(passed) === 0) console.log(`build/${tree}/quern_test ended with ${status}`)
  count({ passed: Number(passed), failed: Number(failed) + crashed + (status === 0 && Number(passed) === 0 ? 1 : 0) })
}

function runVitest() {
  const report = join(root, 'build/vitest.json')
  rmSync(report, { force: true })
  mkdirSync(join(root, 'build'), { recursive: true })
  const vitest = join(createRequire(import.meta.url).resolve('vitest/package.json'), '../vitest.mjs')
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`]
  const { status, signal } = spawnSync(process.execPath, [vitest, 'run', ...reporters, ...vitestArguments], {
    cwd: root,
    stdio: 'inherit',
  })
  /** @type {Record<string, number>} */
  let counts = {}
  try {
    counts = JSON.parse(readFileSync(report, 'utf8'))
  } catch {}
  const { numPassedTests: passed = 0, numFailedTests = 0, numPendingTests = 0, numTodoTests = 0 } = counts
  // A file that cannot be loaded, or an unhandled error, fails without a failed test.
  const failed = numFailedTests || (status === 0 ? 0 : 1)
  if (failed && !numFailedTests) console.log(`vitest ended with ${signal ?? status}, and no test failed`)
  count({ passed, failed, skipped: numPendingTests + numTodoTests })
}

// The suite fuzzes too, with more calls, but not under the sanitizers.
function runFuzzer() {
  console.log('\nrandom calls, sanitised')
  count(fuzz(3000, 1, true) ? { passed: 1 } : { failed: 1 })
}

if (build()) {
  if (vitestArguments.length === 0) {
    for (const tree of Object.keys(testBuilders)) runNative(tree)
    runFuzzer()
  }
  runVitest()
} else {
  count({ failed: 1 })
}
const skipped = total.skipped > 0 ? `, ${total.skipped} skipped` : ''
console.log(`\n${total.passed} passed, ${total.failed} failed${skipped}`)
process.exit(total.failed > 0 || total.passed === 0 || (process.env.CI && total.skipped > 0) ? 1 : 0)
