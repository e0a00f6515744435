// @ts-check
// clang-format over the C++ sources, at the version that package.json pins; --check only reports.
import { spawnSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { root } from './native.mjs'

const files = ['native', 'wasm', 'test/native', 'bench/probe'].flatMap((folder) =>
  readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => /\.(cpp|h)$/.test(name))
    .map((name) => join(folder, name)),
)
const clangFormat = createRequire(import.meta.url)('clang-format').getNativeBinary()
const mode = process.argv.includes('--check') ? ['--dry-run', '-Werror'] : ['-i']
const { status, error } = spawnSync(clangFormat, [...mode, ...files], { cwd: root, stdio: 'inherit' })
if (error) console.error(error.message)
process.exit(status ?? 1)
