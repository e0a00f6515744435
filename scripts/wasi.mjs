// @ts-check
// `node scripts/wasi.mjs PROGRAM.wasm <arguments>`: runs a WASI program, as Emscripten makes it with -sSTANDALONE_WASM.
import { readFileSync } from 'node:fs'
import { WASI } from 'node:wasi'

const [program = '', ...args] = process.argv.slice(2)
// Exported so that something refers to it: Node 20 collects it while the program runs, and aborts in its next write.
export const wasi = new WASI({ version: 'preview1', args: [program, ...args] })
const module = new WebAssembly.Module(readFileSync(program))
const instance = new WebAssembly.Instance(module, {
  wasi_snapshot_preview1: wasi.wasiImport,
  env: { emscripten_notify_memory_growth() {} },
})
process.exit(wasi.start(instance))
