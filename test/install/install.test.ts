import { spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { build } from '../../scripts/build.mjs'
import { makeProject, type Project, root, runNode } from './package.js'

const linux = process.platform === 'linux'
const add = `quern.tensor([1, 2]).add(quern.tensor([3, 4])).data().then((sum) =>
  console.log(JSON.stringify({ sum: [...sum], backend: quern.runtime().backend })))`
const asModule = ['--input-type=module', '--eval', `import * as quern from 'quern'; await ${add}`]
const asCommonJs = ['--eval', `const quern = require('quern'); ${add}`]
const subpaths = ['quern', 'quern/nn', 'quern/optim', 'quern/functional', 'quern/train', 'quern/data', 'quern/io']

let project: Project
beforeAll(() => {
  if (!build(['ts', 'wasm'])) throw new Error('the package does not build')
  project = makeProject()
}, 300_000)
afterAll(() => {
  if (project) rmSync(project.folder, { recursive: true, force: true })
})

describe('installed without a compiler and without a prebuild', () => {
  test('the install script says in one line what comes of it', () => {
    const lines = project.output.split('\n').filter((line) => line.startsWith('quern: '))
    expect(lines).toHaveLength(1)
    expect(lines[0]).toMatch(/lacks a C\+\+ compiler, CMake.*run on WebAssembly.*npx quern doctor/)
  })

  test.each([
    ['import', asModule],
    ['require', asCommonJs],
  ])('%s computes on WASM and says so in one line', (_, script) => {
    const { stdout, stderr, status } = runNode(project, script)
    expect(stderr).toMatch(/^quern: .*WebAssembly.*npx quern doctor.*\n$/)
    expect(JSON.parse(stdout)).toEqual({ sum: [4, 6], backend: 'wasm' })
    expect(status).toBe(0)
  })

  test('WASM that was asked for goes without saying', () => {
    const { stdout, stderr } = runNode(project, asModule, { QUERN_BACKEND: 'wasm' })
    expect(stderr).toBe('')
    expect(JSON.parse(stdout).backend).toBe('wasm')
  })

  test('the doctor tells what is missing and what to do', () => {
    const { stdout, status } = runNode(project, [join(project.installed, 'bin/quern.mjs'), 'doctor'])
    expect(stdout).toMatch(/✗ prebuild +none/)
    expect(stdout).toMatch(/✗ C\+\+ compiler +not on PATH/)
    expect(stdout).toMatch(/✓ headers +node-addon-api/)
    expect(stdout).toMatch(/✓ module +wasm\/dist\/quern\.wasm/)
    expect(stdout).toContain('Quern runs on WebAssembly')
    expect(stdout).toContain('npm rebuild quern')
    expect(status).toBe(0)
  })

  test('the doctor fails where nothing can run', () => {
    const doctor = [join(project.installed, 'bin/quern.mjs'), 'doctor']
    const { stdout, status } = runNode(project, doctor, { QUERN_BACKEND: 'native' })
    expect(stdout).toContain('QUERN_BACKEND=native')
    expect(stdout).toContain('Quern cannot run with these settings')
    expect(status).toBe(1)
  })
})

describe('the package', () => {
  test.each(['import', 'require'])('every subpath has its exports through %s', (how) => {
    const load = how === 'import' ? 'import(name)' : 'Promise.resolve(require(name))'
    const count = `(names) => Promise.all(names.map((name) => ${load}.then((m) => Object.keys(m).length)))`
    const { stdout, stderr } = runNode(project, [
      '--eval',
      `(${count})(${JSON.stringify(subpaths)}).then((n) => console.log(JSON.stringify(n)))`,
    ])
    expect(stderr).toBe('')
    const counts: number[] = JSON.parse(stdout)
    expect(counts).toHaveLength(subpaths.length)
    for (const n of counts) expect(n).toBeGreaterThan(1)
  })

  test('types resolve for both module systems', () => {
    const source = subpaths.map((name, i) => `import * as m${i} from '${name}'\nvoid m${i}\n`).join('')
    for (const file of ['consumer.mts', 'consumer.cts']) {
      writeFileSync(
        join(project.folder, file),
        `${source}export const x: m0.Tensor = m0.tensor([1])\n// @ts-expect-error\nexport const y: m0.Tensor = 1\n`,
      )
    }
    const types = ['--types', 'node', '--typeRoots', join(root, 'node_modules/@types')]
    const library = ['--target', 'es2022', '--lib', 'es2023,esnext.disposable', '--module', 'nodenext']
    const { stdout, status } = runNode(project, [
      join(root, 'node_modules/typescript/bin/tsc'),
      ...['--noEmit', '--strict', ...library, ...types, 'consumer.mts', 'consumer.cts'],
    ])
    expect(stdout).toBe('')
    expect(status).toBe(0)
  })

  test('has all that a source build reads', () => {
    // Configuring fails on a source that is absent and leaves the addon out where its headers are.
    const configure = ['-S', project.installed, '-B', join(project.folder, 'build'), `-DNODE=${process.execPath}`]
    const { stdout, status } = spawnSync('cmake', configure, { encoding: 'utf8' })
    expect(stdout).not.toContain('Without the addon')
    expect(status).toBe(0)
    const headers = ['native/abi.h', 'native/ops.def', 'native/simd/vec.h', 'native/kernels/kernels.h']
    for (const file of headers) expect(existsSync(join(project.installed, file)), file).toBe(true)
  })
})

describe('with a prebuild', () => {
  beforeAll(() => {
    if (!build(['native'])) throw new Error('the addon does not build')
    rmSync(join(project.installed, 'build'), { recursive: true, force: true })
    const folder = join(project.installed, 'prebuilds', `${process.platform}-${process.arch}`)
    mkdirSync(folder, { recursive: true })
    cpSync(join(root, 'build/Release/quern.node'), join(folder, linux ? 'quern.glibc.node' : 'quern.node'))
  }, 600_000)

  test.each([
    ['import', asModule],
    ['require', asCommonJs],
  ])('%s computes natively, silently', (_, script) => {
    const { stdout, stderr } = runNode(project, script)
    expect(stderr).toBe('')
    expect(JSON.parse(stdout)).toEqual({ sum: [4, 6], backend: 'native' })
  })

  test('the install script has nothing to do', () => {
    const { stdout, status } = runNode(project, [join(project.installed, 'scripts/install.mjs')])
    expect(stdout).toBe('')
    expect(status).toBe(0)
  })

  test('the doctor finds it', () => {
    const { stdout, status } = runNode(project, [join(project.installed, 'bin/quern.mjs'), 'doctor'])
    expect(stdout).toMatch(/✓ prebuild +prebuilds\//)
    expect(stdout).toContain('Quern runs natively')
    expect(status).toBe(0)
  })
})
