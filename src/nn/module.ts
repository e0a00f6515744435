import { sameShape } from '../engine/layout.js'
import { runScope, tensorsIn } from '../engine/scope.js'
import { ArgumentError, FormatError, ShapeError, StateError } from '../errors.js'
import { keep, noGrad, scope } from '../ops/autograd.js'
import { zeros } from '../ops/create.js'
import { copy_ } from '../ops/inplace.js'
import { type AnyTensor, type FloatDType, formatShape, Tensor } from '../tensor.js'

export type StateDict = Record<string, AnyTensor>

const parameters = new WeakSet<AnyTensor>()

type Observer = (module: Module, output: unknown) => void
let observer: Observer | null = null

/** @internal Runs fn while told of the output of every module call in it. */
export function observing<R>(told: Observer, fn: () => R): R {
  const before = observer
  observer = told
  try {
    return fn()
  } finally {
    observer = before
  }
}

/** Makes a tensor a parameter of the module it is assigned to: a leaf that requires a gradient and that no scope releases. */
export function parameter<D extends FloatDType>(t: Tensor<D>, options: { requiresGrad?: boolean } = {}): Tensor<D> {
  if (!t.isLeaf)
    throw new StateError(`parameter: expected a leaf, got the result of ${t.node?.operation}; detach() it first`)
  t.requiresGrad = options.requiresGrad ?? true
  parameters.add(t)
  return keep(t)
}

/**
 * Base of all layers. What parameter() made is trained when assigned to a field, a module assigned to a field is a child, and
 * registerBuffer adds what is saved but not trained. Names are those of PyTorch's state dicts.
 */
export abstract class Module {
  training = true
  private readonly bufferNames = new Set<string>()

  constructor() {
    const { forward } = this
    const value = (...inputs: never[]) => this.call(() => forward.apply(this, inputs))
    Object.defineProperty(this, 'forward', { value, configurable: true })
  }

  abstract forward(...inputs: AnyTensor[]): unknown

  /** @internal Every forward goes through here: what it makes and neither returns nor assigns to a field is released. */
  call<R>(forward: () => R): R {
    let kept: Set<unknown> | null = null
    const output = runScope(forward, (result, tensor) => {
      // Most layers leave no other.
      if (tensor === (result as unknown)) return true
      kept ??= tensorsOf(this, result)
      return kept.has(tensor)
    })
    observer?.(this, output)
    return output
  }

  /** Adds a tensor that belongs to the state but is not trained. */
  registerBuffer(name: string, value: AnyTensor): void {
    this.bufferNames.add(name)
    Object.assign(this, { [name]: keep(value) })
  }

  /** Direct children with their names. */
  *namedChildren(): Generator<[string, Module]> {
    for (const [name, value] of Object.entries(this)) if (value instanceof Module) yield [name, value]
  }

  children(): Module[] {
    return [...this.namedChildren()].map(([, child]) => child)
  }

  /** This module and all below it, each with its dotted path ('' for this one). */
  *namedModules(prefix = ''): Generator<[string, Module]> {
    yield [prefix, this]
    for (const [name, child] of this.namedChildren()) yield* child.namedModules(prefix ? `${prefix}.${name}` : name)
  }

  modules(): Module[] {
    return [...this.namedModules()].map(([, module]) => module)
  }

  /** Trainable tensors with their dotted paths; one that is shared comes once. */
  *namedParameters(): Generator<[string, Tensor]> {
    yield* once(this.tensors((_module, _name, t) => parameters.has(t)))
  }

  parameters(): Tensor[] {
    return [...this.namedParameters()].map(([, t]) => t)
  }

  /** Registered buffers with their dotted paths. */
  *namedBuffers(): Generator<[string, AnyTensor]> {
    yield* once(this.tensors((module, name) => module.bufferNames.has(name)))
  }

  buffers(): AnyTensor[] {
    return [...this.namedBuffers()].map(([, t]) => t)
  }

  private *tensors(...kinds: ((module: Module, name: string, t: Tensor) => boolean)[]): Generator<[string, Tensor]> {
    for (const [path, module] of this.namedModules()) {
      for (const belongs of kinds) {
        for (const [name, value] of Object.entries(module)) {
          if (value instanceof Tensor && belongs(module, name, value)) yield [path ? `${path}.${name}` : name, value]
        }
      }
    }
  }

  /** Switches this module and all below it to training (dropout drops, …) or not. */
  train(mode = true): this {
    for (const module of this.modules()) module.training = mode
    return this
  }

  eval(): this {
    return this.train(false)
  }

  /** Runs fn on every module below and then on this one. */
  apply(fn: (module: Module) => void): this {
    for (const child of this.children()) child.apply(fn)
    fn(this)
    return this
  }

  zeroGrad(): void {
    for (const p of this.parameters()) p.grad = null
  }

  /**
   * Every parameter and buffer by its dotted path, module by module as in PyTorch, what is shared under each of its paths; the
   * tensors themselves, not copies.
   */
  stateDict(): StateDict {
    return Object.fromEntries(
      this.tensors(
        (_module, _name, t) => parameters.has(t),
        (module, name) => module.bufferNames.has(name),
      ),
    )
  }

  /**
   * Copies values into the parameters and buffers of the same names. Throws FormatError for missing or unexpected names
   * (unless strict is false) and ShapeError for shapes that differ; then nothing is changed.
   */
  loadStateDict(dict: StateDict, options: { strict?: boolean } = {}): void {
    const own = this.stateDict()
    const missing = Object.keys(own).filter((name) => !(name in dict))
    const unexpected = Object.keys(dict).filter((name) => !(name in own))
    if ((options.strict ?? true) && missing.length + unexpected.length > 0) {
      const list = (names: string[]) => (names.length === 0 ? 'none' : names.join(', '))
      throw new FormatError(
        `loadStateDict: expected exactly the names of the model; missing: ${list(missing)}; unexpected: ${list(unexpected)}; ` +
          'pass { strict: false } to load what matches',
      )
    }
    const matching = Object.entries(own).filter(([name]) => name in dict)
    for (const [name, t] of matching) checkEqualShape(name, t, dict[name] as AnyTensor)
    for (const [name, t] of matching) assign(t, dict[name] as AnyTensor)
  }

  /** A table of the module and all below it: path, class, shape of the output for an input of this shape, parameters. */
  summary(inputShape: readonly number[]): string {
    const shapes = new Map<Module, string>()
    const told = (module: Module, output: unknown) => {
      if (output instanceof Tensor) shapes.set(module, formatShape(output.shape))
    }
    const modes = this.modules().map((module) => [module, module.training] as const)
    this.eval()
    try {
      noGrad(() => scope(() => observing(told, () => void this.forward(zeros(inputShape)))))
    } finally {
      for (const [module, training] of modes) module.training = training
    }
    const count = (module: Module) => module.parameters().reduce((sum, p) => sum + p.size, 0)
    const rows = [...this.namedModules()].map(([path, module]) => {
      const shape = shapes.get(module) ?? 'fused'
      return [path || '(model)', module.constructor.name, shape, count(module).toLocaleString('en-US')]
    })
    return table([['path', 'module', `output for ${formatShape(inputShape)}`, 'parameters'], ...rows])
  }
}

// Those in fields of a module and in a result of it.
function tensorsOf(module: Module, result: unknown): Set<unknown> {
  const isTensor = (v: unknown) => v instanceof Tensor
  const found = tensorsIn(result, isTensor)
  for (const value of Object.values(module)) {
    if (isTensor(value) || Array.isArray(value)) tensorsIn(value, isTensor, found)
  }
  return found
}

// A tensor that has several names comes under the first.
function* once(tensors: Iterable<[string, Tensor]>): Generator<[string, Tensor]> {
  const seen = new Set<Tensor>()
  for (const [name, t] of tensors) {
    if (!seen.has(t)) yield [name, t]
    seen.add(t)
  }
}

// Columns side by side, the last one flush right.
function table(rows: readonly string[][]): string {
  const widths = (rows[0] as string[]).map((_, i) => Math.max(...rows.map((row) => (row[i] as string).length)))
  const last = widths.length - 1
  const pad = (cell: string, i: number) => (i === last ? cell.padStart(widths[i] ?? 0) : cell.padEnd(widths[i] ?? 0))
  return rows.map((row) => row.map(pad).join('  ')).join('\n')
}

function checkEqualShape(name: string, own: AnyTensor, given: AnyTensor): void {
  if (!(given instanceof Tensor)) {
    throw new ArgumentError(`loadStateDict: expected a tensor for ${name}, got ${typeof given}`)
  }
  if (sameShape(own.shape, given.shape)) return
  throw new ShapeError(
    `loadStateDict: expected ${name} of shape ${formatShape(own.shape)}, got ${formatShape(given.shape)}`,
  )
}

/** Writes the values of `source` into the memory of `target`, off the tape. */
export function assign(target: AnyTensor, source: AnyTensor): void {
  noGrad(() => copy_(target, source))
}
