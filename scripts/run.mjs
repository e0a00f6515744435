// @ts-check
// `node scripts/run.mjs PROGRAM.ts <options>`: builds the backend it will use if that is stale, then runs the program with the
// options, in this process, so that Ctrl-C reaches it alone.
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { register } from 'tsx/esm/api'
import { build } from './build.mjs'
import { missingTools, root } from './native.mjs'

const [program = '', ...options] = process.argv.slice(2)
const asked = /--backend[= ](\w+)/.exec(options.join(' '))?.[1] ?? process.env.QUERN_BACKEND
const wasm = asked === 'wasm' || (asked !== 'native' && missingTools().length > 0)
if (!build([wasm ? 'wasm' : 'native'])) process.exit(1)

const path = join(root, program)
process.argv = [process.execPath, path, ...options]
register()
await import(pathToFileURL(path).href)
