import { isDense, rowMajor, sameLayout, sameShape } from '../engine/layout.js'
import * as opcodes from '../engine/opcodes.js'
import { Binary } from '../engine/opcodes.js'
import { adopt, runScope, tensorsIn } from '../engine/scope.js'
import { shown } from '../engine/shown.js'
import {
  type GradientHook,
  isRecording,
  nodeOf,
  record,
  type TapeNode,
  withLastSeed,
  withRecording,
} from '../engine/tape.js'
import { ArgumentError, ShapeError, StateError } from '../errors.js'
import {
  type AnyTensor,
  denseCopy,
  type FloatDType,
  type FloatTensor,
  formatShape,
  sharedRuntime,
  Tensor,
} from '../tensor.js'
import { checkBoolean, checkFloat, checkOptions, checkSameDType, checkTensor } from './check.js'
import { addToDataGradient } from './conv.js'
import { ones } from './create.js'
import { add } from './elementwise.js'

export interface BackwardOptions<D extends FloatDType> {
  /** With respect to this tensor, of its shape; 1 for a scalar. */
  gradient?: Tensor<D>
  /** Record the gradients' own computation, so that they have gradients in turn. */
  createGraph?: boolean
  /** Keep what the graph saved, so that backward can run through it again; as createGraph unless told. */
  retainGraph?: boolean
}

/** Runs fn without recording: nothing it computes has a gradient. fn must not be async. */
export const noGrad = <R>(fn: () => R): R => withRecording(false, fn)

/** Runs fn with recording on, inside noGrad too. fn must not be async. */
export const enableGrad = <R>(fn: () => R): R => withRecording(true, fn)

/** Whether operations are being recorded. */
export const isGradEnabled = (): boolean => isRecording()

/**
 * Runs fn and releases, when it returns, every tensor it made and did not return (inside arrays, objects and maps too) or
 * keep(). fn must not be async.
 */
export function scope<R>(fn: () => R): R {
  let found: Set<unknown> | null = null
  return runScope(fn, (result, tensor) => {
    found ??= tensorsIn(result, (v) => v instanceof Tensor)
    return found.has(tensor)
  })
}

/** Keeps a tensor from being released by the scope or module call that made it. */
export function keep<T extends AnyTensor>(tensor: T): T {
  checkTensor('keep', 'tensor', tensor)
  tensor.kept = true
  tensor.storage.watch()
  return tensor
}

/** Adds the gradient of output with respect to every leaf that requires one to the leaf's grad. */
export function backward<D extends FloatDType>(output: Tensor<D>, options: BackwardOptions<NoInfer<D>> = {}): void {
  propagate('backward', output, options, (node, dy) => {
    if (node.leaf) accumulate(node.leaf, dy, options.createGraph ?? false)
    else if (node.retained) node.retained.grad = own(dy, options.createGraph ?? false)
  })
}

/**
 * The gradients of output with respect to the inputs, which are left as they are; throws StateError for an input that
 * output does not depend on, unless allowUnused, which gives null for it.
 */
export function grad<D extends FloatDType>(
  output: Tensor<D>,
  inputs: readonly Tensor<NoInfer<D>>[],
  options: BackwardOptions<NoInfer<D>> & { allowUnused: true },
): (Tensor<D> | null)[]
export function grad<D extends FloatDType>(
  output: Tensor<D>,
  inputs: readonly Tensor<NoInfer<D>>[],
  options?: BackwardOptions<NoInfer<D>>,
): Tensor<D>[]
export function grad<D extends FloatDType>(
  output: Tensor<D>,
  inputs: readonly Tensor<NoInfer<D>>[],
  options: BackwardOptions<NoInfer<D>> & { allowUnused?: boolean } = {},
): (Tensor<D> | null)[] {
  checkOptions('grad', options)
  if (!Array.isArray(inputs)) throw new ArgumentError(`grad: expected an array of inputs, got ${shown(inputs)}`)
  for (const t of inputs) checkTensor('grad', 'every input', t)
  const allowUnused = checkBoolean('grad', 'allowUnused', options.allowUnused, false)
  const found = new Map<TapeNode, Tensor<D>>()
  const nodes = inputs.map((t) => nodeOf(t))
  const wanted = new Set(nodes)
  propagate('grad', output, options, (node, dy) => {
    if (wanted.has(node)) found.set(node, own(dy, options.createGraph ?? false) as Tensor<D>)
  })
  return inputs.map((t, i) => {
    const node = nodes[i]
    const result = node && found.get(node)
    if (result) return result
    if (allowUnused) return null
    throw new StateError(`grad: expected output to depend on inputs[${i}] (${t}), but no gradient reaches it`)
  })
}

// A handle on a gradient for the user.
function own(dy: AnyTensor, createGraph: boolean): AnyTensor {
  const t = createGraph ? dy.handle() : dy.alias()
  adopt(t)
  return t
}

/** Calls hook with the gradient that arrives at t in each backward; what it returns takes the gradient's place. Returns what removes it. */
export function registerHook<D extends FloatDType>(
  t: Tensor<D>,
  hook: (gradient: Tensor<NoInfer<D>>) => Tensor<NoInfer<D>> | undefined,
): () => void {
  checkTensor('registerHook', 'tensor', t)
  if (typeof hook !== 'function') throw new ArgumentError(`registerHook: expected a function, got ${shown(hook)}`)
  const node = nodeOf(t)
  if (!node) throw new StateError(`registerHook: expected a tensor that requires a gradient, got ${t}`)
  // Of its own, so that one function registered twice is called twice.
  const own = ((gradient: AnyTensor) => hook(gradient as Tensor<D>)) as GradientHook
  node.hooks ??= new Set()
  node.hooks.add(own)
  return () => void node.hooks?.delete(own)
}

/** Lets backward set grad of t though it is no leaf. */
export function retainGrad(t: FloatTensor): void {
  const node = nodeOf(t)
  if (!node) throw new StateError(`retainGrad: expected a tensor that requires a gradient, got ${t}`)
  if (!node.leaf) node.retained = t
}

// Walks the graph from its end; visit sees every node with the whole gradient that arrives there.
function propagate<D extends FloatDType>(
  operation: string,
  output: Tensor<D>,
  options: BackwardOptions<D>,
  visit: (node: TapeNode, dy: AnyTensor) => void,
): void {
  checkFloat(operation, 'output', output)
  checkOptions(operation, options)
  const createGraph = checkBoolean(operation, 'createGraph', options.createGraph, false)
  const retainGraph = checkBoolean(operation, 'retainGraph', options.retainGraph, createGraph)
  const root = nodeOf(output)
  if (!root) {
    throw new StateError(`${operation}: expected a tensor that depends on one with requiresGrad, got ${output}`)
  }
  const seed = seedGradient(operation, output, options)
  const nodes = reachable(root)
  // Handles in this map belong to it alone: each is released as soon as its node has used it.
  const gradients = new Map<TapeNode, AnyTensor>([[root, createGraph ? seed.handle() : seed.alias()]])
  const lastSeed = seed === options.gradient || retainGraph ? null : seed.storage
  if (seed !== options.gradient) seed.dispose()
  try {
    withLastSeed(lastSeed, () => withRecording(createGraph, () => walk(nodes, gradients, visit)))
  } finally {
    for (const dy of gradients.values()) dy.dispose()
  }
  if (retainGraph) return
  for (const node of nodes) node.release()
}

/** @internal Runs through nodes, latest first, sending on the gradients of those that have one; visit sees each whole. */
export function walk(
  nodes: readonly TapeNode[],
  gradients: Map<TapeNode, AnyTensor>,
  visit: (node: TapeNode, dy: AnyTensor) => void,
): void {
  for (const node of nodes) {
    if (node.hooks && gradients.has(node)) callHooks(node, node.hooks, gradients)
    const dy = gradients.get(node)
    if (!dy) continue
    visit(node, dy)
    if (!node.leaf) send(node, dy, gradients)
    gradients.delete(node)
    dy.dispose()
  }
}

function callHooks(node: TapeNode, hooks: ReadonlySet<GradientHook>, gradients: Map<TapeNode, AnyTensor>): void {
  for (const hook of [...hooks]) {
    const dy = gradients.get(node) as AnyTensor
    const given = dy.handle()
    adopt(given)
    const result = hook(given)
    if (result === undefined) continue
    checkTensor('registerHook', 'what the hook returns', result)
    checkSameDType('registerHook', dy, result)
    checkLike('registerHook', 'the hook to return a gradient', dy, result)
    gradients.set(node, isRecording() ? result.handle() : result.alias())
    dy.dispose()
  }
}

function send(node: TapeNode, dy: AnyTensor, gradients: Map<TapeNode, AnyTensor>): void {
  runScope(
    () => {
      const results = node.run(dy)
      node.inputs.forEach((input, i) => {
        const result = results[i]
        if (!input || !result) return
        const before = gradients.get(input)
        // What is sent on as it came, or to several inputs, is not to be changed.
        const own = result.storage !== dy.storage && results.indexOf(result) === results.lastIndexOf(result)
        const sum = before ? total(before as FloatTensor, result as FloatTensor, own) : result
        gradients.set(input, sum.handle())
        before?.dispose()
      })
    },
    () => false,
  )
}

// own: whether result may be changed.
function total(before: FloatTensor, result: FloatTensor, own: boolean): FloatTensor {
  return own && !isRecording() && addToDataGradient(result, before) ? result : add(before, result)
}

function seedGradient<D extends FloatDType>(
  operation: string,
  output: Tensor<D>,
  options: BackwardOptions<D>,
): Tensor<D> {
  const { gradient } = options
  if (gradient === undefined || gradient === null) {
    if (output.size === 1) return ones(output.shape, { dtype: output.dtype })
    throw new ShapeError(
      `${operation}: expected a tensor of one element, or a gradient of shape ${formatShape(output.shape)}, got none; ` +
        'reduce it with sum() or mean() first',
    )
  }
  checkTensor(operation, 'gradient', gradient)
  checkSameDType(operation, output, gradient)
  checkLike(operation, 'a gradient', output, gradient)
  return gradient
}

function checkLike(operation: string, what: string, like: AnyTensor, t: AnyTensor): void {
  if (sameShape(t.shape, like.shape)) return
  throw new ShapeError(
    `${operation}: expected ${what} of shape ${formatShape(like.shape)}, got ${formatShape(t.shape)}`,
  )
}

/** @internal All nodes that the root depends on, latest first: every node comes before those it takes input from. */
export function reachable(root: TapeNode, ends?: (node: TapeNode) => boolean): TapeNode[] {
  const seen = new Set<TapeNode>([root])
  for (const node of seen) {
    if (ends?.(node)) continue
    for (const input of node.inputs) if (input) seen.add(input)
  }
  return [...seen].sort((a, b) => b.order - a.order)
}

function accumulate(leaf: AnyTensor, dy: AnyTensor, createGraph: boolean): void {
  const before = leaf.ownGrad
  const strides = isDense(leaf.shape, leaf.strides) ? leaf.strides : rowMajor(leaf.shape)
  // A gradient with a graph of its own is replaced, never changed: that graph may have saved it.
  if (createGraph || before?.requiresGrad || (before && !isDense(before.shape, before.strides))) {
    leaf.grad = scope(() => {
      const total = before ? add(before as FloatTensor, dy as FloatTensor) : (dy as FloatTensor)
      const copy = denseCopy(total, strides)
      return record('clone', copy, [total], [], (d) => [d])
    })
    leaf.grad?.storage.watch()
    return
  }
  if (before) {
    const runtime = sharedRuntime('backward', before, dy)
    const dense = sameLayout(dy.shape, dy.strides, before.strides) ? dy : denseCopy(dy, before.strides)
    const nest = { rank: 1, layout: [dy.size, 1, 1, 1] }
    opcodes.binary(runtime.encode(), dy.dtype, { out: before, a: before, b: dense, kind: Binary.add, ...nest })
    before.storage.version++
    if (dense !== dy) dense.dispose()
    return
  }
  // The leaf's own: in the leaf's memory order, unless that has gaps, and in storage that nobody else changes.
  const own = sameLayout(dy.shape, dy.strides, strides) && !shares(dy)
  const gradient = own ? dy.alias() : denseCopy(dy, strides)
  gradient.storage.watch()
  leaf.grad = gradient
}

const shares = (t: AnyTensor): boolean => t.storage.shared || t.offset !== 0
