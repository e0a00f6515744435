// What the bench runs: the addon, dist/, the probe, and Quern's contestant on top of them.
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { buildSync } from 'esbuild'

const path = (name: string) => fileURLToPath(new URL(name, import.meta.url))

/** Builds what is stale; false if that fails, with the reason on stderr. */
export function build(): boolean {
  const backend = process.env.QUERN_BACKEND === 'wasm' ? 'wasm' : 'native'
  const command = [path('../scripts/build.mjs'), backend, 'ts', 'probe']
  const { status, stdout, stderr } = spawnSync(process.execPath, command, { encoding: 'utf8' })
  if (status !== 0) {
    console.error(stdout, stderr)
    return false
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
