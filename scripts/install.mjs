// @ts-check
// The package's install script: a prebuild if there is one, else a build from source where the tools are there. It never
// fails: what cannot run natively runs on WASM.
import { existsSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { buildAddon, missingTools, root } from './native.mjs'

const require = createRequire(import.meta.url)
const log = 'build/install.log'

/** Whether an addon is there and loads. */
function loads() {
  try {
    require('node-gyp-build')(root)
    return true
  } catch {
    return false
  }
}

/** Why there is no native build, or null if there is one. */
function install() {
  const { npm_config_build_from_source: forced } = process.env
  if (forced !== 'true' && forced !== 'quern' && loads()) return null
  const missing = missingTools()
  if (missing.length > 0)
    return `no prebuild to use on ${process.platform}-${process.arch}, and a source build lacks ${missing.join(', ')}`
  console.log('quern: building the native addon')
  if (!buildAddon(log)) return `the native build failed, see ${log}`
  // Only a checkout builds again and wants the object files kept.
  if (!existsSync(join(root, 'src'))) rmSync(join(root, 'build/native'), { recursive: true, force: true })
  return loads() ? null : 'the native build does not load'
}

let reason
try {
  reason = install()
} catch (error) {
  reason = /** @type {Error} */ (error).message
}
if (reason)
  console.log(
    `quern: ${reason}; Quern will run on WebAssembly, and \`npx quern doctor\` explains how to get native speed`,
  )
