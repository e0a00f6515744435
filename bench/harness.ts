// Times contestants side by side: each runs a chunk in turn, round after round, so that a drifting machine hits all alike.
import { setTimeout as delay } from 'node:timers/promises'

// Milliseconds between two turns, and before a round: some peers' threads go on spinning for a while after their work,
// and what runs first, the machine's limit, is what the others are measured by.
const pause = 10
const rest = 60

// Chunks that running until a compiler is done may take: a quick bench does not wait for it.
const settling = 24

/** Somebody who does a row's work. */
export interface Contestant {
  /** The column it stands in; of several with one name the fastest counts. */
  name: string
  /** What tells it from others of that name: the memory layout, a batch size of its own. */
  variant?: string
  /** How much of the row's work one run does; 1 unless told. */
  scale?: number
  /** Seconds of running until what compiles it on the way is done; none unless told. */
  settles?: number
  /** Does it so many times; the seconds that took. */
  run(count: number): Promise<number>
}

export interface Budget {
  rounds: number
  /** Seconds that one chunk should last at least. */
  chunk: number
}

export interface Timing {
  contestant: Contestant
  /** Of one run: the median over the rounds. */
  seconds: number
  samples: number[]
}

export const median = (values: readonly number[]): number => {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  const upper = sorted[middle] as number
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] as number) + upper) / 2
}

const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length

interface Entry {
  contestant: Contestant
  count: number
  samples: number[]
}

/** Takes turns; a contestant that throws leaves, and `left` is told why. */
export async function interleave(
  contestants: readonly Contestant[],
  budget: Budget,
  left: (contestant: Contestant, reason: string) => void = () => {},
): Promise<Timing[]> {
  let entries: Entry[] = []
  const attempt = async (contestant: Contestant, fn: () => Promise<unknown>): Promise<boolean> => {
    try {
      await fn()
      return true
    } catch (error) {
      left(contestant, (error as Error).message)
      return false
    }
  }
  for (const contestant of contestants) {
    await attempt(contestant, async () => entries.push(await warmedUp(contestant, budget)))
  }
  const affordable = 4 * budget.chunk * budget.rounds
  for (let round = 0; round < budget.rounds; round++) {
    let idle = rest
    for (const entry of entries) {
      const { contestant, count, samples } = entry
      // One whose chunks take far longer than they should takes part in fewer rounds.
      const soFar = samples.length
      if (soFar > 0 && (soFar + 1) * count * mean(samples) > affordable) continue
      await delay(idle)
      idle = pause
      const done = await attempt(contestant, async () => samples.push((await contestant.run(count)) / count))
      if (!done) entries = entries.filter((e) => e !== entry)
    }
  }
  return entries.map(({ contestant, samples }) => ({ contestant, samples, seconds: median(samples) }))
}

// Runs it until caches, threads and compilers have settled and it is known how many runs fill a chunk.
async function warmedUp(contestant: Contestant, { chunk }: Budget): Promise<Entry> {
  let spent = 0
  const run = async (count: number): Promise<number> => {
    const seconds = await contestant.run(count)
    spent += seconds
    return seconds
  }
  const settled = () => spent >= Math.min(contestant.settles ?? 0, settling * chunk)
  let seconds = await run(1)
  // The first run is the slowest, but one that takes this long is no wiser the second time.
  if (seconds < 10 * chunk) seconds = await run(1)
  let count = 1
  for (let i = 0; (i < 8 && seconds < chunk) || !settled(); i++) {
    const wanted = Math.ceil((1.1 * count * chunk) / Math.max(seconds, 1e-9))
    if (i > 0 && wanted <= 1.3 * count && settled()) break
    count = Math.min(wanted, 100 * count)
    seconds = await run(count)
  }
  return { contestant, count, samples: [] }
}
