// Who can take part, how each is started, and which are absent here.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Contestant } from './harness.js'
import { type About, Peer } from './peer.js'
import type { Work } from './work.js'

const path = (name: string) => fileURLToPath(new URL(name, import.meta.url))

const installPeers = 'npm run bench:peers'
// Made by build.ts.
const built = (name: string) => path(`../build/bench/${name}/main.js`)
// Seconds until a just-in-time compiler is done. A step of a model calls each function but a few times.
const settles = ({ op }: Work): number => (op === 'train' || op === 'infer' ? 12 : 1)

const host = ['--expose-gc', path('peers/host.mjs')]

interface Kind {
  title: string
  /** How to get it. */
  install: string
  /** Command lines to try in turn. */
  commands: string[][]
  /** Whether a just-in-time compiler makes it faster while it runs. */
  compiles?: boolean
}

const node = (title: string, ...args: string[]): Kind => ({
  title,
  install: installPeers,
  commands: [[process.execPath, ...args]],
  compiles: true,
})

const kinds = {
  quern: node('Quern', '--expose-gc', built('quern')),
  baseline: node('pure JS', built('baseline')),
  pytorch: {
    title: 'PyTorch',
    install: 'apt-get install python3-torch libopenblas0-openmp',
    // Debian's PyTorch belongs to the system's Python.
    commands: ['/usr/bin/python3', 'python3'].map((python) => [python, path('peers/pytorch.py')]),
  },
  onnxruntime: node('ORT', ...host, 'onnxruntime-node'),
  onnxruntimeWeb: node('ORT-web', ...host, 'onnxruntime-web'),
  tfjsWasm: node('tfjs-wasm', ...host, 'tfjs-wasm'),
  tfjs: node('tfjs cpu', ...host, 'tfjs-cpu'),
  convnetjs: node('ConvNetJS', ...host, 'convnetjs'),
} satisfies Record<string, Kind>

export type PeerName = keyof typeof kinds

export const titleOf = (name: PeerName): string => kinds[name].title

interface Opened {
  name: PeerName
  peer: Peer
  about: About
}

export interface Absent {
  peer: string
  reason: string
  install: string
}

/** The peers of one run of the bench; each process is started when a table first needs it. */
export class Peers {
  private readonly started = new Map<string, Promise<Opened | null>>()
  readonly absent = new Map<PeerName, Absent>()
  private folder = ''
  private exports = 0

  constructor(
    public threads: number,
    readonly isa?: string,
  ) {}

  /** A process of its own, which the caller closes; null where the peer is absent. */
  async fresh(name: PeerName, threads = this.threads): Promise<Opened | null> {
    const isa = this.isa === undefined ? {} : { QUERN_ISA: this.isa }
    const own = { QUERN_THREADS: String(threads), ...isa }
    let reason = ''
    for (const command of kinds[name].commands) {
      try {
        const env = name === 'quern' ? own : {}
        return { name, ...(await Peer.start([...command, '--threads', String(threads)], env)) }
      } catch (error) {
        reason = (error as Error).message
      }
    }
    // Without Quern there is nothing to measure.
    if (name === 'quern') throw new Error(reason)
    this.absent.set(name, { peer: kinds[name].title, reason, install: kinds[name].install })
    return null
  }

  get(name: PeerName, threads?: number): Promise<Opened | null> {
    const key = `${name} ${threads ?? ''}`
    const found = this.started.get(key) ?? this.fresh(name, threads)
    this.started.set(key, found)
    return found
  }

  /** Ends the processes, so that the next table begins with new ones: what they have done before makes them faster or slower. */
  async renew(): Promise<void> {
    for (const [key, opening] of this.started) {
      const opened = await opening
      if (!opened) continue
      this.started.delete(key)
      await opened.peer.close()
    }
  }

  async about(name: PeerName): Promise<About | null> {
    return (await this.get(name))?.about ?? null
  }

  /** This peer's contestants for a row: one per variant, none where it is absent or cannot do the work. */
  async contestants(name: PeerName, work: Work, threads?: number, as = titleOf(name)): Promise<Contestant[]> {
    const opened = await this.get(name, threads)
    if (!opened) return []
    const contestants = await contestantsOf(opened.peer, await this.given(name, work), as)
    const { compiles }: Kind = kinds[name]
    return compiles ? contestants.map((contestant) => ({ ...contestant, settles: settles(work) })) : contestants
  }

  /** What is known of each peer that took part. */
  async versions(): Promise<Record<string, string>> {
    const versions: Record<string, string> = {}
    for (const opened of await Promise.all(this.started.values())) {
      if (!opened) continue
      const { version, detail } = opened.about
      versions[titleOf(opened.name)] = [version, detail && `(${detail})`].filter(Boolean).join(' ')
    }
    return versions
  }

  // ONNX Runtime runs models from files, which PyTorch writes.
  private async given(name: PeerName, work: Work): Promise<Work & { file?: string }> {
    if (name !== 'onnxruntime' && name !== 'onnxruntimeWeb') return work
    const pytorch = await this.get('pytorch')
    const answer = await pytorch?.peer.ask({ export: work, file: this.exported() }).catch(() => null)
    return typeof answer?.file === 'string' ? { ...work, file: answer.file } : work
  }

  // A new file for a model, in a folder that goes with this process.
  private exported(): string {
    if (!this.folder) {
      const folder = mkdtempSync(join(tmpdir(), 'quern-bench-'))
      process.once('exit', () => rmSync(folder, { recursive: true, force: true }))
      this.folder = folder
    }
    return join(this.folder, `${this.exports++}.onnx`)
  }
}

/** The ways in which the peer does this work; none if it cannot. */
export async function contestantsOf(peer: Peer, work: Work, name: string): Promise<Contestant[]> {
  const answer = await peer.ask({ open: work })
  const variants = (answer.variants ?? []) as { name?: string; scale?: number }[]
  return variants.map((variant, i) => ({
    name,
    ...(variant.name ? { variant: variant.name } : {}),
    scale: variant.scale ?? 1,
    run: async (count) => (await peer.ask({ run: count, variant: i })).seconds as number,
  }))
}
