import { readFileSync } from 'node:fs'
import { arch, platform } from 'node:os'
import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'

const source = (path: string) => fileURLToPath(new URL(`src/${path}`, import.meta.url))

/** The instruction sets that this CPU can run, as native/dispatch.cpp would pick them. */
function instructionSets(): string[] {
  if (arch() === 'arm64') return ['reference', 'neon']
  if (arch() !== 'x64') return ['reference', 'baseline']
  // Where the system has no /proc/cpuinfo, '' lets the dispatcher choose.
  if (platform() !== 'linux') return ['reference', 'baseline', '']
  const flags = new Set(/^flags\s*:(.*)$/m.exec(readFileSync('/proc/cpuinfo', 'utf8'))?.[1]?.trim().split(' '))
  const has = (...names: string[]) => names.every((name) => flags.has(name))
  const sets = ['reference', 'baseline']
  if (has('avx2', 'fma')) sets.push('avx2')
  if (has('avx512f', 'avx512bw', 'avx512dq', 'avx512vl', 'fma')) sets.push('avx512')
  return sets
}

/** The suite of cases, run on one backend in processes of its own. */
const casesOn = (name: string, env: Record<string, string>) => ({
  extends: true as const,
  test: { name, env, include: ['test/cases/**/*.test.ts'] },
})

export default defineConfig({
  resolve: {
    alias: [
      { find: /^quern$/, replacement: source('index.ts') },
      { find: /^quern\/functional$/, replacement: source('functional.ts') },
      { find: /^quern\/(nn|optim|train|data|io)$/, replacement: source('$1/index.ts') },
    ],
  },
  test: {
    pool: 'forks',
    execArgv: ['--expose-gc'],
    testTimeout: 60_000,
    allowOnly: false,
    passWithNoTests: false,
    projects: [
      ...instructionSets().map((isa) =>
        casesOn(`native ${isa || 'default'}`, { QUERN_BACKEND: 'native', QUERN_ISA: isa }),
      ),
      casesOn('wasm', { QUERN_BACKEND: 'wasm' }),
      {
        extends: true,
        test: { name: 'node', include: ['test/**/*.test.ts'], exclude: ['test/cases/**', 'test/browser/**'] },
      },
    ],
  },
})
