// Imports run one way, in TypeScript and in C++. Types carry no code and do not count.
import { readdirSync, readFileSync } from 'node:fs'
import { join, relative, resolve } from 'node:path'
import { expect, test } from 'vitest'

const root = resolve(import.meta.dirname, '..')
const files = (folder: string, ending: RegExp): string[] =>
  readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => ending.test(name))
    .map((name) => join(folder, name))

/** Every import of a file of the project, as pairs of paths from the root. */
function imports(folder: string, ending: RegExp, pattern: RegExp): [string, string][] {
  return files(folder, ending).flatMap((file) => {
    const found = readFileSync(join(root, file), 'utf8').matchAll(pattern)
    return [...found].map(([, path]): [string, string] => [
      file,
      relative(root, resolve(root, file, '..', path as string)),
    ])
  })
}

const layer = (order: readonly RegExp[], file: string): number => order.findIndex((pattern) => pattern.test(file))

function upward(order: readonly RegExp[], pairs: [string, string][]): string[] {
  expect(pairs.length).toBeGreaterThan(20)
  for (const file of pairs.flat()) expect(layer(order, file), `${file} is in no layer`).toBeGreaterThanOrEqual(0)
  return pairs.filter(([from, to]) => layer(order, to) < layer(order, from)).map(([from, to]) => `${from} → ${to}`)
}

test('TypeScript: index → train → nn, optim, data, io → ops → tensor → engine → backend → errors', () => {
  const order = [
    /^src\/(index|functional)/,
    /^src\/train\//,
    /^src\/(nn|optim|data)\//,
    /^src\/io\//,
    /^src\/methods/,
    /^src\/ops\//,
    /^src\/tensor/,
    /^src\/engine\//,
    /^src\/backend\//,
    /^src\/errors/,
  ]
  const pattern = /^(?:import|export)\s+(?!type\b)(?:[^'"]*?\sfrom\s+)?'(\.[^']+)'/gm
  expect(upward(order, imports('src', /\.ts$/, pattern))).toEqual([])
})

test('C++: napi → abi → engine → arena, pool, dispatch → kernels → simd', () => {
  const order = [
    /^native\/napi/,
    /^native\/(engine|command)/,
    /^native\/abi/,
    /^native\/(arena|pool|dispatch)/,
    /^native\/kernels\//,
    /^native\/simd\//,
    /^native\/ops\.def/,
  ]
  const pairs = imports('native', /\.(cpp|h)$/, /^#include "([^"]+)"/gm).map(([from, to]): [string, string] => {
    // Sources name headers from their own folder or from native/.
    const inside = files('native', /\.(cpp|h|def)$/)
    return [from, inside.includes(to) ? to : join('native', relative(resolve(root, from, '..'), join(root, to)))]
  })
  expect(upward(order, pairs)).toEqual([])
})
