import { StateError } from '../errors.js'
import type { AnyTensor } from '../tensor.js'
import { isFloat } from './dtype.js'
import type { Storage } from './storage.js'

/** The gradient with respect to each input, given that of the output; null where none is needed or there is none. */
export type Backward<T, S> = (dy: T, saved: S, needs: readonly boolean[]) => (AnyTensor | null)[]
/** Given a tensor's gradient; may return another in its place. */
export type GradientHook = (gradient: AnyTensor) => AnyTensor | undefined
type AnyBackward = Backward<AnyTensor, readonly AnyTensor[]>

let recording = true
let lastSeed: Storage | null = null
let counter = 0

/** One operation on the tape, or (operation 'leaf') the place where a leaf's gradient arrives. */
export class TapeNode {
  readonly order = counter++
  private versions: number[]
  /** Told of the gradient that arrives here; what they return takes its place. */
  hooks: Set<GradientHook> | null = null
  /** The result whose grad is kept though it is no leaf. */
  retained: AnyTensor | null = null

  constructor(
    readonly operation: string,
    public inputs: readonly (TapeNode | null)[],
    private saved: readonly AnyTensor[] | null,
    private backward: AnyBackward | null,
    /** A leaf's tensor: what accumulates the gradient. */
    readonly leaf: AnyTensor | null = null,
  ) {
    this.versions = saved ? saved.map((t) => t.storage.version) : []
  }

  run(dy: AnyTensor): (AnyTensor | null)[] {
    const { saved, backward, versions } = this
    if (!saved || !backward) {
      throw new StateError(
        `backward: expected a graph that backward has not consumed, but ${this.operation} was run through before; ` +
          'call backward({ retainGraph: true }) the first time, or compute the loss again',
      )
    }
    saved.forEach((t, i) => {
      if (t.storage.version !== versions[i]) {
        throw new StateError(
          `backward: a tensor that ${this.operation} needs was changed in place after it ran (version ${versions[i]} expected, ` +
            `${t.storage.version} found); call backward before the optimizer's step, or clone the tensor first`,
        )
      }
    })
    return backward(dy, saved, this.inputs.map(Boolean))
  }

  /** Lets go of what was saved; a second run throws. */
  release(): void {
    if (this.leaf) return
    for (const t of this.saved ?? []) t.dispose()
    this.saved = null
    this.backward = null
    this.inputs = []
    this.hooks = null
    this.retained = null
  }
}

/** What the next node's order will be. */
export const nextOrder = (): number => counter

/** True while operations are recorded: everywhere but inside noGrad. */
export const isRecording = (): boolean => recording

/** Runs fn with recording switched on or off. */
export function withRecording<R>(on: boolean, fn: () => R): R {
  const before = recording
  recording = on
  try {
    return fn()
  } finally {
    recording = before
  }
}

/** Runs fn, a backward that begins with the ones in this storage and then lets go of the graph; null for any other backward. */
export function withLastSeed<R>(seed: Storage | null, fn: () => R): R {
  const before = lastSeed
  lastSeed = seed
  try {
    return fn()
  } finally {
    lastSeed = before
  }
}

/** Whether a gradient is the ones that backward began with, unchanged, and nobody will ask again for what was saved. */
export const isLastSeed = (dy: AnyTensor): boolean => dy.storage === lastSeed && lastSeed.version === 0

/** Where a tensor's gradient goes: its operation's node, a leaf's own, or nowhere. */
export function nodeOf(t: AnyTensor): TapeNode | null {
  if (!t.requiresGrad) return null
  if (t.node) return t.node
  t.node = new TapeNode('leaf', [], [], null, t)
  return t.node
}

/**
 * Puts an operation on the tape, if any input needs a gradient. `saved` are the tensors that backward will be given: held
 * until it has run, whatever happens to the caller's handles.
 */
export function record<T extends AnyTensor, const S extends readonly AnyTensor[]>(
  operation: string,
  output: T,
  inputs: readonly (AnyTensor | null)[],
  saved: S,
  backward: Backward<T, S>,
): T {
  if (!recording || !isFloat(output.dtype) || !inputs.some((t) => t?.requiresGrad)) return output
  const nodes = inputs.map((t) => (t ? nodeOf(t) : null))
  const aliases = saved.map((t) => t.alias())
  const node = new TapeNode(operation, nodes, aliases, backward as unknown as AnyBackward)
  output.node = node
  output.requiresGrad = true
  saved.forEach((t, i) => {
    const alias = aliases[i] as AnyTensor
    alias.node = t.node
    alias.requiresGrad = t.requiresGrad
  })
  return output
}
