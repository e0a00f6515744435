// @ts-check
// `npm run compile [-- native tests sanitized wasm ts probe neon]`: builds what is stale among those named; without names all that
// `npm test` needs.
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { userInfo } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { cmake, findProgram, findTools, missingTools, root } from './native.mjs'
import { buildTypeScript } from './typescript.mjs'

const withTests = '-DQUERN_TESTS=ON'
/** Where the sanitised addon lies: node-gyp-build looks in build/Release of the folder that QUERN_PREBUILD names. */
export const sanitized = join(root, 'build/asan/addon')
const sanitize = [
  withTests,
  '-DQUERN_SANITIZE=address,undefined',
  `-DCMAKE_LIBRARY_OUTPUT_DIRECTORY=${join(sanitized, 'build/Release')}`,
]

/** @param {string} target */
const buildWasm = (target) =>
  withProgram('emcc', 'emscripten', 'Emscripten', () =>
    cmake('wasm', {
      targets: [target],
      options: [withTests],
      wrapper: ['emcmake'],
      env: { EM_NODE_JS: process.execPath },
    }),
  )

/** The C++ tests in each tree under build/: plain, sanitised, as WASM. @type {Record<string, () => boolean>} */
export const testBuilders = {
  native: () => withTools(() => cmake('native', { targets: ['quern_test'], options: [withTests] })),
  asan: () => withTools(() => cmake('asan', { targets: ['quern_test'], options: sanitize })),
  wasm: () => buildWasm('quern_test'),
}

/** @type {Record<string, () => boolean>} */
const builders = {
  // One tree for both: the tests link the addon's own objects.
  native: () => withTools(() => cmake('native', { targets: ['quern'], options: [withTests] })),
  tests: () => Object.values(testBuilders).every((build) => build()),
  sanitized: () => withTools(() => cmake('asan', { targets: ['quern'], options: sanitize })),
  wasm: () => buildWasm('quern_wasm'),
  ts: buildTypeScript,
  // Peak and bandwidth of this machine, for the bench.
  probe: () => withTools(() => cmake('native', { targets: ['quern_probe'], options: ['-DQUERN_TESTS=ON'] })),
  // Compiles for arm64 without running anything: what an x86-64 machine can check of NEON.
  neon: () =>
    withProgram('aarch64-linux-gnu-g++', 'g++-aarch64-linux-gnu', 'a C++ compiler for arm64', () =>
      cmake('neon', {
        targets: ['quern_engine', 'kernels_neon'],
        options: [
          '-DCMAKE_SYSTEM_NAME=Linux',
          '-DCMAKE_SYSTEM_PROCESSOR=aarch64',
          '-DCMAKE_CXX_COMPILER=aarch64-linux-gnu-g++',
        ],
      }),
    ),
}

/** @param {() => boolean} build */
function withTools(build) {
  const missing = missingTools()
  if (missing.length === 0) return build()
  console.error(`quern: the native build needs ${missing.join(', ')}: install them (Debian: apt-get install g++ cmake)`)
  return false
}

/** Builds with a program; installs its Debian package first where that is possible.
 * @param {string} program @param {string} debianPackage @param {string} name @param {() => boolean} build */
function withProgram(program, debianPackage, name, build) {
  if (!findTools().cmake) return withTools(build)
  if (findProgram(program) || installDebianPackage(debianPackage)) return build()
  console.error(`quern: ${program} not found: install ${name} (Debian: apt-get install ${debianPackage})`)
  return false
}

/** @param {string} name */
function installDebianPackage(name) {
  const { uid } = userInfo()
  if (uid !== 0 || !existsSync('/etc/debian_version') || !findProgram('apt-get')) return false
  console.log(`quern: installing Debian's ${name}`)
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  const install = ['install', '--yes', '--quiet', '--no-install-recommends', name]
  return [['update', '--quiet'], install].every((args) => {
    const { status, stdout, stderr } = spawnSync('apt-get', args, { env, encoding: 'utf8' })
    if (status !== 0) console.error(stdout, stderr)
    return status === 0
  })
}

/** Builds these, in this order; stops at the first that fails. @param {string[]} names */
export function build(names = ['native', 'tests', 'sanitized', 'wasm', 'ts']) {
  return names.every((name) => {
    const builder = builders[name]
    if (!builder) throw new Error(`build: expected some of ${Object.keys(builders).join(', ')}, got ${name}`)
    const start = performance.now()
    const built = builder()
    console.log(`${name}: ${built ? 'built' : 'FAILED'} (${((performance.now() - start) / 1000).toFixed(1)} s)`)
    return built
  })
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const names = process.argv.slice(2)
  process.exit(build(names.length > 0 ? names : undefined) ? 0 : 1)
}
