#!/usr/bin/env node
// @ts-check
// `npx quern doctor`: what backends are here, what was tried to load them, what is missing, and how to get native speed.
import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { findTools, root } from '../scripts/native.mjs'

const require = createRequire(import.meta.url)
const { name, version } = require('../package.json')
const platform = `${process.platform}-${process.arch}`
const cmakeNeeded = { major: 3, minor: 18 }

/** @typedef {{ ok: boolean | null, what: string, found: string }} Line ok null: not needed */

/** @param {string} heading @param {Line[]} lines */
function print(heading, lines) {
  console.log(`\n${heading}`)
  for (const { ok, what, found } of lines) {
    console.log(`  ${ok === null ? '-' : ok ? '✓' : '✗'} ${what.padEnd(16)} ${found}`)
  }
}

/** The first line of an error's message. @param {unknown} error */
const firstLine = (error) => String(/** @type {Error} */ (error).message).split('\n')[0] ?? ''

/** @param {string | null} program */
function versionOf(program) {
  if (!program) return ''
  try {
    const text = execFileSync(program, ['--version'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })
    return text.split('\n')[0]?.trim() ?? ''
  } catch {
    return ''
  }
}

function systemName() {
  if (process.platform !== 'linux') return platform
  const report = /** @type {{ header?: { glibcVersionRuntime?: string } }} */ (process.report?.getReport() ?? {})
  const glibc = report.header?.glibcVersionRuntime
  return `${platform} (${glibc ? `glibc ${glibc}` : 'musl'})`
}

function examineAddon() {
  const folder = `prebuilds/${platform}`
  const prebuilds = existsSync(join(root, folder))
    ? readdirSync(join(root, folder)).filter((f) => f.endsWith('.node'))
    : []
  const local = ['build/Release/quern.node', 'build/Debug/quern.node'].find((path) => existsSync(join(root, path)))
  const lines = [
    { ok: local ? true : null, what: 'local build', found: local ?? 'none (build/Release/quern.node)' },
    {
      ok: prebuilds.length > 0 || (local ? null : false),
      what: 'prebuild',
      found: prebuilds.length > 0 ? prebuilds.map((file) => `${folder}/${file}`).join(', ') : `none (${folder}/*.node)`,
    },
  ]
  try {
    const { Host } = require('node-gyp-build')(root)
    const host = new Host('', 0)
    const { available, threads } = host.info()
    host.close()
    lines.push({ ok: true, what: 'loads', found: `instruction sets ${available}; ${threads} threads` })
    return { lines, works: true, sets: available.split(' ') }
  } catch (error) {
    const failure = prebuilds.length > 0 || local ? firstLine(error) : 'there is nothing to load'
    lines.push({ ok: false, what: 'loads', found: failure })
    return { lines, works: false, sets: [] }
  }
}

/** @param {string} dependency */
function headers(dependency) {
  try {
    const path = join(require.resolve(dependency), '../package.json')
    return `${dependency} ${JSON.parse(readFileSync(path, 'utf8')).version}`
  } catch {
    return null
  }
}

function examineTools() {
  const { compiler, cmake, generator } = findTools()
  const cmakeVersion = /(\d+)\.(\d+)[.\d]*/.exec(versionOf(cmake))
  const [major, minor] = [Number(cmakeVersion?.[1] ?? 0), Number(cmakeVersion?.[2] ?? 0)]
  const recent = major > cmakeNeeded.major || (major === cmakeNeeded.major && minor >= cmakeNeeded.minor)
  const packages = ['node-addon-api', 'node-api-headers']
  const absent = packages.filter((name) => headers(name) === null)
  const needed = `needs ${cmakeNeeded.major}.${cmakeNeeded.minor}`
  /** @type {Line[]} */
  const lines = [
    {
      ok: !!compiler,
      what: 'C++ compiler',
      found: versionOf(compiler) || 'not on PATH (c++, g++ or clang++; or set CXX)',
    },
    { ok: recent, what: 'CMake', found: cmakeVersion ? `${cmakeVersion[0]} (${needed})` : `not on PATH (${needed})` },
    { ok: !!generator, what: 'make or ninja', found: generator ?? 'not on PATH' },
    {
      ok: absent.length === 0,
      what: 'headers',
      found: absent.length === 0 ? packages.map(headers).join(', ') : `${absent.join(', ')} not installed by npm`,
    },
  ]
  return { lines, missing: lines.filter(({ ok }) => !ok).map(({ what }) => what) }
}

function examineWasm() {
  const path = 'wasm/dist/quern.wasm'
  const size = statSync(join(root, path), { throwIfNoEntry: false })?.size
  if (size === undefined) return { lines: [{ ok: false, what: 'module', found: `none (${path})` }], works: false }
  const works = WebAssembly.validate(readFileSync(join(root, path)))
  const found = `${path}, ${(size / 1024).toFixed(0)} KiB${works ? '' : '; this Node lacks the WebAssembly SIMD it needs'}`
  return { lines: [{ ok: works, what: 'module', found }], works }
}

/** @param {string[]} missing */
function advice(missing) {
  const checkout = existsSync(join(root, 'src'))
  const steps = []
  if (missing.includes('headers')) steps.push('reinstall quern, so that npm installs its dependencies')
  const programs = missing.filter((what) => what !== 'headers')
  const debian = process.platform === 'linux' ? ' (Debian, Ubuntu: apt-get install g++ cmake make)' : ''
  if (programs.length > 0) steps.push(`install what is missing: ${programs.join(', ')}${debian}`)
  steps.push(checkout ? 'run `npm run compile -- native`' : 'run `npm rebuild quern --foreground-scripts`')
  console.log('\nFor native speed:')
  for (const [i, step] of steps.entries()) console.log(`  ${i + 1}. ${step}`)
  if (existsSync(join(root, 'build/install.log')))
    console.log('  The last build at installation wrote build/install.log.')
}

function doctor() {
  const settings = ['QUERN_BACKEND', 'QUERN_ISA', 'QUERN_THREADS'].filter((key) => process.env[key])
  const addon = examineAddon()
  const tools = examineTools()
  const wasm = examineWasm()
  console.log(`${name} ${version} on ${systemName()}, Node ${process.versions.node}`)
  console.log(`in ${root}`)
  if (settings.length > 0) console.log(`with ${settings.map((key) => `${key}=${process.env[key]}`).join(' ')}`)
  print('Native addon', addon.lines)
  print('To build it from source', tools.lines)
  print('WebAssembly', wasm.lines)

  const asked = process.env.QUERN_BACKEND || 'auto'
  const isa = process.env.QUERN_ISA
  const native = asked !== 'wasm' && addon.works && (!isa || addon.sets.includes(isa))
  if (native) console.log(`\nQuern runs natively, with ${isa || addon.sets[0]} kernels.`)
  else if (asked !== 'native' && !addon.works && wasm.works)
    console.log('\nQuern runs on WebAssembly, slower than native.')
  else if (asked === 'wasm' && wasm.works) console.log('\nQuern runs on WebAssembly, as QUERN_BACKEND asks.')
  else {
    const excluded = addon.works && isa && !native ? `: QUERN_ISA=${isa} is none of ${addon.sets.join(', ')}` : ''
    console.log(`\nQuern cannot run with these settings${excluded}.`)
    process.exitCode = 1
  }
  if (!addon.works) advice(tools.missing)
}

const [command] = process.argv.slice(2)
if (command === 'doctor') {
  doctor()
} else if (command === '--version') {
  console.log(version)
} else {
  console.log('quern doctor      tells which backends work here, what was tried and how to get native speed')
  console.log('quern --version   prints the version')
  if (command !== undefined && command !== '--help') process.exitCode = 1
}
