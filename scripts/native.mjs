// @ts-check
// Builds with CMake. `node scripts/native.mjs` builds the addon: what binding.gyp, and so node-gyp and prebuildify, call.
import { spawnSync } from 'node:child_process'
import { accessSync, constants, existsSync, mkdirSync, statSync, writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = fileURLToPath(new URL('..', import.meta.url))

/** The first of these programs on PATH, or null. @param {(string | undefined)[]} names */
export function findProgram(...names) {
  const suffixes = process.platform === 'win32' ? ['.exe', '.cmd', ''] : ['']
  for (const name of names) {
    if (!name) continue
    for (const folder of ['', ...(process.env.PATH ?? '').split(delimiter)]) {
      // A name with a folder in it is tried as it is, others only on PATH.
      if ((folder === '') === !/[\\/]/.test(name)) continue
      for (const suffix of suffixes) {
        const path = join(folder, name + suffix)
        try {
          accessSync(path, constants.X_OK)
          if (statSync(path).isFile()) return path
        } catch {}
      }
    }
  }
  return null
}

/** What a source build needs: the path of each program, null where it is missing. */
export function findTools() {
  const { CXX } = process.env
  const compilers = process.platform === 'win32' ? ['clang++'] : ['c++', 'g++', 'clang++']
  return {
    compiler: findProgram(CXX?.split(' ')[0], ...compilers),
    cmake: findProgram('cmake'),
    generator: findProgram('ninja', 'make'),
  }
}

/** Which of them are missing, in words. */
export function missingTools() {
  const { compiler, cmake, generator } = findTools()
  return [!compiler && 'a C++ compiler', !cmake && 'CMake', !generator && 'make or ninja'].filter((name) => !!name)
}

/**
 * Configures a build tree under build/ and builds targets in it.
 * @param {string} tree
 * @param {{ targets: string[], options?: string[], wrapper?: string[], env?: NodeJS.ProcessEnv, log?: string }} how
 *   wrapper goes before the first call (emcmake); with log, output goes to that file only
 * @returns {boolean} whether it went well
 */
export function cmake(tree, { targets, options = [], wrapper = [], env = {}, log }) {
  const folder = join(root, 'build', tree)
  mkdirSync(folder, { recursive: true })
  const ninja = findProgram('ninja')
  // The generator is fixed by the first configuration of a tree.
  const generator = existsSync(join(folder, 'CMakeCache.txt')) || !ninja ? [] : ['-G', 'Ninja']
  if (process.platform === 'win32') options = ['-DCMAKE_CXX_COMPILER=clang++', ...options]
  const steps = [
    [
      ...wrapper,
      'cmake',
      '-S',
      root,
      '-B',
      folder,
      ...generator,
      '--no-warn-unused-cli',
      `-DNODE=${process.execPath}`,
      ...options,
    ],
    ['cmake', '--build', folder, '--parallel', String(availableParallelism()), '--target', ...targets],
  ]
  let output = ''
  const succeeded = steps.every(([program = '', ...args]) => {
    const shown = log ? 'pipe' : 'inherit'
    const result = spawnSync(program, args, {
      stdio: ['ignore', log || args[0] === '--build' ? shown : 'ignore', shown],
      env: { ...process.env, ...env },
      encoding: 'utf8',
    })
    output += `${result.stdout ?? ''}${result.stderr ?? ''}${result.error?.message ?? ''}`
    if (result.error && !log) console.error(`${program}: ${result.error.message}`)
    return result.status === 0
  })
  if (log) writeFileSync(join(root, log), output)
  return succeeded
}

/** The command that runs the C++ tests of a tree. @param {string} tree @returns {[string, ...string[]]} */
export function testProgram(tree) {
  const program = join(root, 'build', tree, 'quern_test')
  return tree === 'wasm'
    ? [process.execPath, '--no-warnings', join(root, 'scripts/wasi.mjs'), `${program}.wasm`]
    : [program]
}

/** Builds build/Release/quern.node. @param {string} [log] */
export const buildAddon = (log) => cmake('native', { targets: ['quern'], log })

if (process.argv[1] === fileURLToPath(import.meta.url)) process.exit(buildAddon() ? 0 : 1)
