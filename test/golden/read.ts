// Reads the golden files beside this one.
import { readFileSync } from 'node:fs'

export const goldenPath = (name: string): URL => new URL(name, import.meta.url)

export const readGolden = <T>(name: string): T => JSON.parse(readFileSync(goldenPath(name), 'utf8')) as T
