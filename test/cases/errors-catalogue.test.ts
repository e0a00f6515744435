// What every operation must refuse, by the catalogue: at the call, with the right code, and leaving everything as it was.
import * as quern from 'quern'
import { add, init, ones, QuernError, randomState, tensor } from 'quern'
import { afterEach, expect, test } from 'vitest'
import { catalogue } from '../fuzz/catalogue.js'
import { Plain } from '../fuzz/random.js'
import { type WrongCall, wrongCalls } from '../fuzz/wrong-calls.js'

const old = catalogue.map((operation) => operation.sample(new Plain()))
await init()
const table = catalogue.flatMap((operation, i) => {
  const all = wrongCalls(operation, old[i] as unknown[])
  const kinds = [...new Set(all.map(({ kind }) => kind))]
  return kinds.map((kind) => ({ name: operation.name, kind, operation, calls: all.filter((c) => c.kind === kind) }))
})

/** What is wrong with how the call was refused; null if nothing is. */
function complaint(call: WrongCall, says: readonly string[], run: (...args: unknown[]) => unknown): string | null {
  const told = (what: string) => `${call.what}: ${what}`
  try {
    run(...call.args)
  } catch (error) {
    if (!(error instanceof QuernError)) return told(`${error}`)
    if (error.code !== `ERR_QUERN_${call.code}`)
      return told(`expected ${call.code}, got ${error.code}: ${error.message}`)
    const [, name = ''] = /^(\w+): expected .+ got .+/s.exec(error.message) ?? []
    return says.includes(name) ? null : told(`the message is ${JSON.stringify(error.message)}`)
  }
  return told('taken')
}

test.each(table)('$name: $kind', ({ operation, calls }) => {
  const before = randomState()
  const complaints = calls.map((call) => complaint(call, operation.says, operation.call)).filter((c) => c !== null)
  expect(complaints).toEqual([])
  if (!operation.constructs) expect(randomState()).toEqual(before)
})

test.each(catalogue)('$name takes what it should', ({ call, sample }) => {
  expect(() => call(...sample(new Plain()))).not.toThrow()
})

afterEach(async () => {
  expect(await add(tensor([1, 2, 3]), ones([3])).data()).toEqual(Float32Array.of(2, 3, 4))
})

// What takes a function, or nothing that could be wrong.
const others = [
  ...['init', 'runtime', 'synchronize', 'setThreads', 'randomState', 'isGradEnabled', 'noGrad', 'enableGrad'],
  ...['scope', 'checkpoint', 'gradCheck', 'gradGradCheck', 'numericGradient', 'setRandomState'],
]

test('the catalogue holds every function that Quern exports', () => {
  const functions = Object.entries(quern).filter(([name, value]) => typeof value === 'function' && /^[a-z]/.test(name))
  const known = new Set([...others, ...catalogue.map(({ name }) => name)])
  expect(functions.map(([name]) => name).filter((name) => !known.has(name))).toEqual([])
})
