// @ts-check
// src/ to ECMAScript modules with declarations in dist/, and from those to CommonJS in cjs/, file by file: all three lie
// at the same depth, so that paths relative to import.meta.url hold in each.
import { spawnSync } from 'node:child_process'
import { cpSync, readdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { buildSync } from 'esbuild'
import { root } from './native.mjs'

/** @param {string} folder @param {string} suffix @returns {string[]} */
const files = (folder, suffix) =>
  readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith(suffix))
    .map((name) => join(root, folder, name))

/** @param {string} path */
const modified = (path) => statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0

// Written last; its time is the start of the build, so that a source edited meanwhile counts as newer.
const stamp = join(root, 'cjs/package.json')

function stale() {
  const configuration = ['tsconfig.json', 'tsconfig.build.json', 'package-lock.json'].map((name) => join(root, name))
  const sources = [...files('src', '.ts'), ...configuration, join(root, 'scripts/typescript.mjs')]
  // Folders too: their time changes when a file in them goes.
  const folders = [join(root, 'src'), ...files('src', '').filter((path) => statSync(path).isDirectory())]
  return (
    [...sources, ...folders].some((path) => modified(path) > modified(stamp)) || !modified(join(root, 'dist/index.js'))
  )
}

/** Builds dist/ and cjs/ if anything in src/ is newer. @returns {boolean} whether it went well */
export function buildTypeScript() {
  if (!stale()) return true
  const start = new Date()
  for (const folder of ['dist', 'cjs']) rmSync(join(root, folder), { recursive: true, force: true })
  const tsc = createRequire(import.meta.url).resolve('typescript/bin/tsc')
  const { status } = spawnSync(process.execPath, [tsc, '-p', join(root, 'tsconfig.build.json')], { stdio: 'inherit' })
  if (status !== 0) return false
  buildCommonJs()
  utimesSync(stamp, start, start)
  return true
}

function buildCommonJs() {
  // CommonJS has no import.meta: files that use its url get a constant of the same value.
  const usesUrl = (/** @type {string} */ path) => readFileSync(path, 'utf8').includes('import.meta.url')
  const modules = files('dist', '.js')
  const options = /** @type {const} */ ({ outbase: join(root, 'dist'), outdir: join(root, 'cjs'), format: 'cjs' })
  const target = /** @type {const} */ ({ platform: 'node', target: 'node20', logLevel: 'warning' })
  buildSync({ ...options, ...target, entryPoints: modules.filter((path) => !usesUrl(path)) })
  buildSync({
    ...options,
    ...target,
    entryPoints: modules.filter(usesUrl),
    define: { 'import.meta.url': 'importMetaUrl' },
    banner: { js: "const importMetaUrl = require('node:url').pathToFileURL(__filename).href;" },
  })
  const isDeclaration = (/** @type {string} */ path) => statSync(path).isDirectory() || path.endsWith('.d.ts')
  cpSync(join(root, 'dist'), join(root, 'cjs'), { recursive: true, filter: isDeclaration })
  writeFileSync(stamp, '{ "type": "commonjs" }\n')
}
