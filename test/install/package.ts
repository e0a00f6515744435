import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = fileURLToPath(new URL('../..', import.meta.url))

/** A project that has installed the packed package on a machine without compiler, CMake and prebuild. */
export interface Project {
  folder: string
  /** node_modules/quern in it. */
  installed: string
  /** What npm and the install script printed. */
  output: string
}

function find(program: string): string {
  const folder = (process.env.PATH ?? '').split(delimiter).find((folder) => existsSync(join(folder, program)))
  if (!folder) throw new Error(`${program} is not on PATH`)
  return realpathSync(join(folder, program))
}

/** npm as the path of its script: the one that runs this, or the one on PATH. */
const npm = () => process.env.npm_execpath ?? find('npm')

/** The environment of a machine with Node and a shell only; settings of Quern and of an outer npm are left out. */
function bareEnvironment(folder: string, more: Record<string, string>): NodeJS.ProcessEnv {
  const inherited = Object.entries(process.env).filter(([key]) => !/^(QUERN_|npm_|NODE_|VITEST|CXX)/.test(key))
  return { ...Object.fromEntries(inherited), PATH: join(folder, 'bin'), ...more }
}

export function makeProject(): Project {
  const folder = mkdtempSync(join(tmpdir(), 'quern-install-'))
  mkdirSync(join(folder, 'bin'))
  symlinkSync(process.execPath, join(folder, 'bin/node'))
  symlinkSync('/bin/sh', join(folder, 'bin/sh'))
  writeFileSync(join(folder, 'package.json'), '{ "private": true }')
  const pack = ['pack', '--ignore-scripts', '--json', '--pack-destination', folder]
  const [{ filename }] = JSON.parse(execFileSync(process.execPath, [npm(), ...pack], { cwd: root, encoding: 'utf8' }))
  // A prebuild that lies in this checkout was packed too: it must not count.
  const env = bareEnvironment(folder, { npm_config_build_from_source: 'quern' })
  const install = ['install', '--prefer-offline', '--no-audit', '--no-fund', '--foreground-scripts', `./${filename}`]
  const result = spawnSync(process.execPath, [npm(), ...install], { cwd: folder, env, encoding: 'utf8' })
  const output = result.stdout + result.stderr
  if (result.status !== 0) throw new Error(output)
  const installed = join(folder, 'node_modules/quern')
  rmSync(join(installed, 'prebuilds'), { recursive: true, force: true })
  return { folder, installed, output }
}

/** Runs Node in the project, without compiler and CMake on PATH. */
export function runNode({ folder }: Project, args: string[], env: Record<string, string> = {}) {
  return spawnSync(process.execPath, args, { cwd: folder, env: bareEnvironment(folder, env), encoding: 'utf8' })
}
