import { expect, test } from 'vitest'
import { type Contestant, interleave, median } from '../../bench/harness.js'

/** One that takes so many seconds per run of a clock of its own, and writes down when it was asked. */
const contestant = (name: string, seconds: number, order: string[], more: Partial<Contestant> = {}): Contestant => ({
  name,
  run: (count) => {
    order.push(name)
    return Promise.resolve(count * seconds)
  },
  ...more,
})

test('all take turns, round after round', async () => {
  const order: string[] = []
  const names = ['a', 'b', 'c']
  const timings = await interleave(
    names.map((name) => contestant(name, 0.1, order)),
    { rounds: 4, chunk: 0.05 },
  )
  expect(order.slice(-12)).toEqual([...names, ...names, ...names, ...names])
  expect(timings.map(({ samples }) => samples.length)).toEqual([4, 4, 4])
})

test('a chunk has as many runs as fill it, and times are those of one run', async () => {
  const counts: number[] = []
  const quick = {
    name: 'quick',
    run: (count: number) => {
      counts.push(count)
      return Promise.resolve(count / 4096)
    },
  }
  const [timing] = await interleave([quick], { rounds: 3, chunk: 0.5 })
  expect(counts.slice(-3).every((count) => count >= 2048 && count === counts.at(-1))).toBe(true)
  expect(timing?.seconds).toBe(1 / 4096)
})

test('the time is the median of the rounds', async () => {
  // Two runs to warm up, then five rounds.
  const seconds = [9, 1, 5, 2, 4, 3, 100]
  const run = () => Promise.resolve(seconds.shift() as number)
  const [timing] = await interleave([{ name: 'a', run }], { rounds: 5, chunk: 1 })
  expect(timing?.samples).toEqual([5, 2, 4, 3, 100])
  expect(timing?.seconds).toBe(4)
  expect(median([4, 1, 3, 2])).toBe(2.5)
})

test('one whose run is far longer than a chunk takes part in fewer rounds', async () => {
  const order: string[] = []
  const timings = await interleave([contestant('slow', 10, order), contestant('fast', 0.1, order)], {
    rounds: 7,
    chunk: 0.1,
  })
  expect(timings.map(({ samples }) => samples.length)).toEqual([1, 7])
})

test('a slow first run is no reason for fewer rounds, slow chunks are', async () => {
  const runs = (seconds: number[]) => () => Promise.resolve(seconds.shift() as number)
  const timings = await interleave(
    [
      { name: 'slow to start', run: runs([0.9, 0.01, 0.01, 0.01, 0.01]) },
      { name: 'held up', run: runs([0.01, 0.01, 0.09, 0.01]) },
    ],
    { rounds: 3, chunk: 0.01 },
  )
  expect(timings.map(({ samples }) => samples.length)).toEqual([3, 1])
})

test.each([
  { chunk: 0.1, settled: 1 },
  { chunk: 0.025, settled: 0.6 },
])(
  'what a compiler makes faster on the way runs until that is done, or for 24 chunks of $chunk s',
  async ({ chunk, settled }) => {
    const seconds: number[] = []
    let runs = 0
    const compiled = {
      name: 'compiled',
      settles: 1,
      run: (count: number) => {
        runs += count
        seconds.push(runs < 80 * settled ? 0.01 * count : 0.001 * count)
        return Promise.resolve(seconds.at(-1) as number)
      },
    }
    const [timing] = await interleave([compiled], { rounds: 3, chunk })
    const warmUp = seconds.slice(0, -3).reduce((sum, s) => sum + s, 0)
    expect(warmUp).toBeGreaterThanOrEqual(settled)
    expect(warmUp).toBeLessThan(settled + 4 * chunk)
    expect(seconds.slice(-3).every((s) => s >= chunk)).toBe(true)
    expect(timing?.seconds).toBeCloseTo(0.001)
  },
)

test('one that fails leaves, and the others go on', async () => {
  const order: string[] = []
  let calls = 0
  const failing = {
    name: 'failing',
    run: () => (++calls > 3 ? Promise.reject(new Error('out of memory')) : Promise.resolve(1)),
  }
  const left: string[] = []
  const absent = { name: 'absent', run: () => Promise.reject(new Error('gone')) }
  const timings = await interleave(
    [failing, absent, contestant('b', 0.2, order)],
    { rounds: 3, chunk: 0.2 },
    (c, reason) => left.push(`${c.name}: ${reason}`),
  )
  expect(left).toEqual(['absent: gone', 'failing: out of memory'])
  expect(timings.map((t) => t.contestant.name)).toEqual(['b'])
})
