// @ts-check
// `node scripts/wasi.mjs PROGRAM.wasm <arguments>`: runs a WASI program, as Emscripten makes it with -sSTANDALONE_WASM.
import { readFileSync } from 'node:fs'
import { WASI } from 'node:wasi'

const [program = '', ...args] = process.argv.slice(2)
const wasi = new WASI({ version: 'preview1', args: [program, ...args] })
const module = new WebAssembly.Module(readFileSync(program))
const instance = new WebAssembly.Instance(module, {
  wasi_snapshot_preview1: wasi.wasiImport,
  env: { emscripten_notify_memory_growth() {} },
})
process.exit(wasi.start(instance))
