// Random calls of every operation, right and wrong: each returns or throws a QuernError, and nothing is left behind.
import { MemoryError, QuernError, runtime, StateError, synchronize, Tensor } from 'quern'
import { catalogue } from './catalogue.js'
import { spoil } from './mutate.js'
import type { Operation } from './operation.js'
import { Random } from './random.js'
import type { AnyTensor } from './tensors.js'
import { show } from './wrong-calls.js'

export interface FuzzReport {
  calls: number
  /** Of them, those that returned, and whose results could be used. */
  returned: number
  refused: number
  backward: number
  /** What went wrong, each with the call. */
  faults: string[]
  /** Bytes before and after; live ones after everything was dropped. */
  live: [before: number, after: number]
  /** Bytes taken from the system after the first half and at the end. */
  reserved: [half: number, end: number]
}

// Between two of them the stream is awaited, so that a fault of the engine is found near the call that made it.
const batch = 32

/** Runs this many calls, the same for the same seed; needs --expose-gc. `told` hears of each before it is made. */
export async function fuzz(calls: number, seed: number, told?: (call: string) => void): Promise<FuzzReport> {
  const before = await settled()
  const report: FuzzReport = {
    ...{ calls: 0, returned: 0, refused: 0, backward: 0, faults: [] },
    ...{ live: [before, 0], reserved: [0, 0] },
  }
  const recent: string[] = []
  while (report.calls < calls) {
    await one(new Random(seed * 1_000_003 + report.calls), report, recent, seed, told)
    report.calls++
    if (report.calls % batch === 0 || told) {
      await synchronized(report, recent)
      recent.length = 0
    }
    if (report.calls === Math.floor(calls / 2)) {
      await settled(before)
      report.reserved[0] = runtime().memory.reserved
    }
  }
  await synchronized(report, recent)
  report.live[1] = await settled(before)
  report.reserved[1] = runtime().memory.reserved
  return report
}

async function one(
  r: Random,
  report: FuzzReport,
  recent: string[],
  seed: number,
  told?: (call: string) => void,
): Promise<void> {
  const operation = r.pick(catalogue)
  const sound = operation.sample(r)
  const args = r.chance(0.55) ? spoil(r, sound) : sound
  const name = `seed ${seed}, call ${report.calls}: ${operation.name}(${args.map(show).join(', ')})`
  recent.push(name)
  told?.(name)
  const results: unknown[] = []
  try {
    results.push(called(r, operation, args))
    for (const t of tensorsOf(results)) await used(r, t, report, results)
    report.returned++
  } catch (error) {
    if (error instanceof QuernError && !/the engine refused|SharedArrayBuffer/.test(error.message)) report.refused++
    else report.faults.push(`${name}\n${error instanceof Error ? error.stack : error}`)
  }
  // The rest is the garbage collector's.
  if (r.chance(0.5)) for (const t of tensorsOf([results, args, sound])) dropped(t)
}

/** As a function, or as a method where there is one. */
function called(r: Random, { name, call }: Operation, args: unknown[]): unknown {
  const [first, ...rest] = args
  const method = first instanceof Tensor && (first as unknown as Record<string, unknown>)[name]
  if (name !== 'grad' && typeof method === 'function' && r.chance(0.3)) return method.apply(first, rest)
  return call(...args)
}

/** Backward from the result, or its values, or neither. */
async function used(r: Random, t: AnyTensor, report: FuzzReport, results: unknown[]): Promise<void> {
  if (t.disposed) return
  if (t.requiresGrad && !t.isLeaf && r.chance(0.6)) {
    const loss = (t as Tensor).mul(1).sum()
    results.push(loss)
    loss.backward({ createGraph: r.chance(0.1) })
    report.backward++
  }
  if (t.size > 1 << 20) return
  if (r.chance(0.2)) t.dataSync()
  else if (r.chance(0.1)) await t.array()
}

function dropped(t: AnyTensor): void {
  t.grad = null
  t.dispose()
}

/** The tensors in arrays and plain objects. */
function tensorsOf(value: unknown, found: AnyTensor[] = [], depth = 0): AnyTensor[] {
  if (value instanceof Tensor) found.push(value as AnyTensor)
  else if (typeof value === 'object' && value !== null && depth < 4 && !ArrayBuffer.isView(value)) {
    for (const inner of Object.values(value)) tensorsOf(inner, found, depth + 1)
  }
  return found
}

/** Awaits the stream, which may have run out of memory: some calls ask for more than there is. */
async function synchronized(report: FuzzReport, recent: readonly string[]): Promise<void> {
  try {
    await synchronize()
  } catch (error) {
    if (error instanceof MemoryError || error instanceof StateError) return
    report.faults.push(`${error}\namong\n${recent.join('\n')}`)
  }
}

/** Bytes in tensors once garbage has been collected; tries until they are no more than `goal`. */
async function settled(goal = 0): Promise<number> {
  for (let i = 0; i < 20; i++) {
    globalThis.gc?.()
    // Finalizers run on a later turn.
    await new Promise((resolve) => setTimeout(resolve, 5))
    await synchronize().catch(() => {})
    if (i > 1 && runtime().memory.live <= goal) break
  }
  return runtime().memory.live
}
