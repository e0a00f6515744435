// probe/probe.cpp as a contestant: what this machine can do at most.
import { fileURLToPath } from 'node:url'
import type { Contestant } from './harness.js'
import { Peer } from './peer.js'

const program = fileURLToPath(new URL('../build/native/quern_probe', import.meta.url))

export interface Limit {
  contestant: Contestant
  /** FLOP or bytes of one run. */
  work: number
}

export class Probe {
  private readonly limits = new Map<string, Promise<Limit>>()

  private constructor(
    private readonly peer: Peer,
    /** The instruction sets of this CPU, best first. */
    readonly isas: readonly string[],
  ) {}

  static async start(): Promise<Probe> {
    const { peer, about } = await Peer.start([program])
    return new Probe(peer, about.isas ?? [])
  }

  /** The FMA peak of an instruction set, or the bandwidth of memory, on so many threads. */
  limit(kind: 'peak' | 'stream', isa: string, threads: number): Promise<Limit> {
    // WASM's vectors are as wide as the baseline's, the reference kernels' are whatever the compiler makes of them.
    const known = this.isas.includes(isa) ? isa : (this.isas.at(-1) as string)
    const line = `OPEN ${kind === 'stream' ? kind : known} ${threads}`
    const found = this.limits.get(line) ?? this.open(line)
    this.limits.set(line, found)
    return found
  }

  private async open(line: string): Promise<Limit> {
    const { work } = (await this.peer.ask(line)) as { work: number }
    const run = async (count: number): Promise<number> => {
      await this.peer.ask(line)
      return (await this.peer.ask(`RUN ${count}`)).seconds as number
    }
    return { work, contestant: { name: line, run } }
  }
}
