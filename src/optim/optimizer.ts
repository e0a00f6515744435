import { isRowMajor } from '../engine/layout.js'
import type { Runtime } from '../engine/runtime.js'
import { shown } from '../engine/shown.js'
import { ArgumentError, FormatError, ShapeError } from '../errors.js'
import { keep } from '../ops/autograd.js'
import { checkBoolean, checkFloat, checkNumber, checkOptions, checkTensor } from '../ops/check.js'
import { full } from '../ops/create.js'
import { clone } from '../ops/view.js'
import {
  type AnyTensor,
  denseCopy,
  type FloatDType,
  type FloatTensor,
  formatShape,
  sharedRuntime,
  Tensor,
} from '../tensor.js'

/** What a parameter group can set on its own. */
export interface GroupOptions {
  /** Learning rate. */
  lr?: number
  /** L2 penalty: weightDecay·p is added to the gradient. */
  weightDecay?: number
  /** L1 penalty: l1·sign(p) is added to the gradient. */
  l1?: number
  /** Climb instead of descend. */
  maximize?: boolean
}

export type ParameterGroup<O> = O & { params: Iterable<FloatTensor> }
export type Parameters<O> = Iterable<FloatTensor> | readonly ParameterGroup<Partial<O>>[]

/** The state of one parameter: tensors of its shape by name. */
export type ParameterState = Record<string, FloatTensor>

export interface OptimizerState<O> {
  state: { step: number; tensors: Record<string, AnyTensor> }[]
  groups: (O & { params: number[] })[]
}

interface Group<O> {
  options: O
  params: FloatTensor[]
}

interface Slot {
  step: number
  tensors: ParameterState
}

/** Parameters that one command updates: parameter, gradient and state of each (null: not needed), one after the other. */
export interface Batch {
  runtime: Runtime
  dtype: FloatDType
  tensors: (AnyTensor | null)[]
  sizes: number[]
  /** From 1. */
  step: number
}

/**
 * Base of the optimisers: parameter groups, state per parameter, and one command for all parameters of a group that are at
 * the same step. State that decays is 0 once it is denormal.
 */
export abstract class Optimizer<O extends GroupOptions> {
  readonly groups: Group<O>[]
  private readonly slots = new Map<FloatTensor, Slot>()

  constructor(
    private readonly name: string,
    params: Parameters<O>,
    options: O,
  ) {
    this.groups = groupsOf(name, params, options)
    for (const group of this.groups) this.check(group.options)
  }

  /** Throws ArgumentError when an option is out of range. */
  protected check(options: O): void {
    checkNumber(this.name, 'lr', options.lr as number, 0)
    checkNumber(this.name, 'weightDecay', options.weightDecay ?? 0, 0)
    checkNumber(this.name, 'l1', options.l1 ?? 0, 0)
    checkBoolean(this.name, 'maximize', options.maximize, false)
  }

  /** Names of the state tensors that a parameter needs, in the order of the command's operands; null where it needs none. */
  protected abstract stateNames(options: O): readonly (string | null)[]

  /** What the state tensors hold before the first step. */
  protected initialState(_options: O): number {
    return 0
  }

  /** Encodes the update of these parameters. */
  protected abstract update(batch: Batch, options: O): void

  /** Updates, in place, every parameter that has a gradient. */
  step(): void {
    for (const { params } of this.groups) for (const p of params) this.checkGradient(p)
    for (const { options, params } of this.groups) {
      const batches = new Map<string, Batch>()
      const copies: AnyTensor[] = []
      for (const p of params) {
        const gradient = p.ownGrad && dense(p, p.ownGrad, copies)
        if (!gradient) continue
        const slot = this.slot(p, options)
        const key = `${p.dtype} ${++slot.step}`
        let batch = batches.get(key)
        if (!batch) {
          batch = { runtime: p.storage.runtime, dtype: p.dtype, tensors: [], sizes: [], step: slot.step }
          batches.set(key, batch)
        }
        const state = this.stateNames(options).map((n) => (n === null ? null : (slot.tensors[n] as FloatTensor)))
        batch.tensors.push(p, gradient, ...state)
        batch.sizes.push(p.size)
        p.storage.version++
      }
      for (const batch of batches.values()) {
        sharedRuntime(this.name, ...batch.tensors)
        this.update(batch, options)
      }
      for (const copy of copies) copy.dispose()
    }
  }

  /** Forgets the gradients of all parameters. */
  zeroGrad(): void {
    for (const { params } of this.groups) for (const p of params) p.grad = null
  }

  /** The learning rate of the first group; setting it sets it in all. */
  get lr(): number {
    return this.groups[0]?.options.lr as number
  }

  set lr(value: number) {
    checkNumber(this.name, 'lr', value, 0)
    for (const { options } of this.groups) options.lr = value
  }

  /** Options of the groups and state of each parameter, by the parameter's place; the tensors themselves, not copies. */
  stateDict(): OptimizerState<O> {
    const all = this.groups.flatMap(({ params }) => params)
    return {
      state: all.map((p) => {
        const slot = this.slots.get(p)
        return { step: slot?.step ?? 0, tensors: { ...slot?.tensors } }
      }),
      groups: this.groups.map(({ options, params }) => ({ ...options, params: params.map((p) => all.indexOf(p)) })),
    }
  }

  /** Takes over what stateDict() gave; throws FormatError or ShapeError, and changes nothing, if it does not fit. */
  loadStateDict(dict: OptimizerState<O>): void {
    const all = this.groups.flatMap(({ params }) => params)
    if (dict.state.length !== all.length || dict.groups.length !== this.groups.length) {
      throw new FormatError(
        `${this.name}.loadStateDict: expected ${this.groups.length} groups with ${all.length} parameters, got ` +
          `${dict.groups.length} with ${dict.state.length}`,
      )
    }
    const options = this.groups.map((group, i) => {
      const { params: _, ...saved } = dict.groups[i] as OptimizerState<O>['groups'][number]
      const merged = { ...group.options, ...saved } as O
      this.check(merged)
      return merged
    })
    const needed = this.groups.flatMap(({ params }, i) => params.map(() => this.stateNames(options[i] as O)))
    const loaded = all.map((p, i) => {
      const { step, tensors } = dict.state[i] as OptimizerState<O>['state'][number]
      const found = Object.keys(tensors)
      const names = (needed[i] as (string | null)[]).filter((n) => n !== null)
      if (names.length > 0 && found.length > 0 && !names.some((n) => found.includes(n))) {
        throw new FormatError(
          `${this.name}.loadStateDict: expected ${names.join(', ')} of parameter ${i}, got ${found.join(', ')}`,
        )
      }
      for (const [name, t] of Object.entries(tensors)) checkLike(this.name, `${name} of parameter ${i}`, p, t)
      return { step, tensors }
    })
    for (const [i, group] of this.groups.entries()) Object.assign(group.options, options[i])
    all.forEach((p, i) => {
      const { step, tensors } = loaded[i] as (typeof loaded)[number]
      const copies = Object.entries(tensors).map(([name, t]) => [name, keep(clone(t as FloatTensor))])
      if (step === 0) this.slots.delete(p)
      else this.slots.set(p, { step, tensors: Object.fromEntries(copies) })
    })
  }

  private slot(p: FloatTensor, options: O): Slot {
    let slot = this.slots.get(p)
    if (!slot) this.slots.set(p, (slot = { step: 0, tensors: {} }))
    for (const name of this.stateNames(options)) {
      if (name === null) continue
      slot.tensors[name] ??= keep(full(p.shape, this.initialState(options), { dtype: p.dtype })) as FloatTensor
    }
    return slot
  }

  // Either may have been disposed since.
  private checkGradient(p: FloatTensor): void {
    checkTensor(this.name, 'every parameter', p)
    if (p.ownGrad) checkTensor(this.name, 'every gradient', p.ownGrad)
  }
}

// The gradient in the parameter's memory order: backward leaves it so, an assignment need not.
function dense(p: FloatTensor, gradient: FloatTensor, copies: AnyTensor[]): FloatTensor {
  if (isRowMajor(gradient.shape, gradient.strides)) return gradient
  const copy = denseCopy(gradient, p.strides)
  copies.push(copy)
  return copy
}

/** What every command takes beside its own attributes. */
export const penalties = (options: GroupOptions) => ({
  weightDecay: options.weightDecay ?? 0,
  l1: options.l1 ?? 0,
  maximize: Number(options.maximize ?? false),
})

/** The options over the defaults. */
export function withDefaults<O extends object>(name: string, defaults: NoInfer<O>, options: O): O {
  checkOptions(name, options)
  return { ...defaults, ...options }
}

function groupsOf<O extends GroupOptions>(name: string, params: Parameters<O>, defaults: O): Group<O>[] {
  checkIterable(name, params)
  const list = [...(params as Iterable<FloatTensor | ParameterGroup<Partial<O>>>)]
  if (list.length === 0) throw new ArgumentError(`${name}: expected at least one parameter, got none`)
  const given = list.some((entry) => entry instanceof Tensor)
    ? [{ params: list as Iterable<FloatTensor> } as ParameterGroup<Partial<O>>]
    : (list as ParameterGroup<Partial<O>>[])
  const seen = new Set<FloatTensor>()
  for (const group of given) {
    checkOptions(name, group)
    checkIterable(name, group.params)
  }
  return given.map(({ params, ...options }) => {
    const group = [...params]
    for (const [i, p] of group.entries()) {
      checkFloat(name, `parameter ${i}`, p)
      if (p.node && p.node.operation !== 'leaf') {
        throw new ArgumentError(
          `${name}: expected leaf tensors as parameters, got the result of ${p.node.operation} at ${i}`,
        )
      }
      if (!isRowMajor(p.shape, p.strides) || p.offset !== 0) {
        throw new ArgumentError(
          `${name}: expected contiguous parameters, got a view of ${formatShape(p.shape)} at ${i}`,
        )
      }
      if (seen.has(p)) throw new ArgumentError(`${name}: expected each parameter once, got ${p} again at ${i}`)
      seen.add(p)
    }
    return { options: { ...defaults, ...options } as O, params: group }
  })
}

/** Throws unless params are a list of some kind. */
export function checkIterable(name: string, params: unknown): void {
  if (typeof (params as Iterable<unknown> | null | undefined)?.[Symbol.iterator] === 'function') return
  throw new ArgumentError(`${name}: expected an array of parameters, got ${shown(params)}`)
}

function checkLike(name: string, what: string, p: FloatTensor, t: AnyTensor): void {
  if (t instanceof Tensor && t.dtype === p.dtype && t.shape.join() === p.shape.join()) return
  throw new ShapeError(
    `${name}.loadStateDict: expected ${what} to be ${p.dtype} ${formatShape(p.shape)}, got ${t instanceof Tensor ? t : typeof t}`,
  )
}
