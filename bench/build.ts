// What the bench runs: the addon, dist/, the probe, and Quern's contestant on top of them.
import { fileURLToPath } from 'node:url'
import { buildSync } from 'esbuild'
import { build as buildTargets } from '../scripts/build.mjs'

const path = (name: string) => fileURLToPath(new URL(name, import.meta.url))

/** Builds what is stale; false if that fails. Says so on stderr, for stdout belongs to the results. */
export function build(): boolean {
  const { log } = console
  console.log = console.error
  try {
    const backend = process.env.QUERN_BACKEND === 'wasm' ? 'wasm' : 'native'
    if (!buildTargets([backend, 'ts', 'probe'])) return false
  } finally {
    console.log = log
  }
  // Bundled, so that a process starts as fast as a user's; 'quern' stays an import of the package as it is published.
  buildSync({
    entryPoints: [path('quern/main.ts'), path('baseline/main.ts')],
    outbase: path('.'),
    outdir: path('../build/bench'),
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    external: ['quern'],
    tsconfigRaw: '{}',
    logLevel: 'warning',
  })
  return true
}
