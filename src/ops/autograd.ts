import { sameLayout } from '../engine/layout.js'
import * as opcodes from '../engine/opcodes.js'
import { Binary } from '../engine/opcodes.js'
import { runScope, tensorsIn } from '../engine/scope.js'
import { isRecording, nodeOf, type TapeNode, withRecording } from '../engine/tape.js'
import { ShapeError, StateError } from '../errors.js'
import { type AnyTensor, denseCopy, type FloatDType, formatShape, sharedRuntime, Tensor } from '../tensor.js'
import { checkSameDType } from './check.js'
import { ones } from './create.js'
import { add } from './elementwise.js'

export interface BackwardOptions<D extends FloatDType> {
  /** With respect to this tensor, of its shape; 1 for a scalar. */
  gradient?: Tensor<D>
  /** Keep what the graph saved, so that backward can run through it again. */
  retainGraph?: boolean
}

/** Runs fn without recording: nothing it computes has a gradient. fn must not be async. */
export const noGrad = <R>(fn: () => R): R => withRecording(false, fn)

/** Whether operations are being recorded. */
export const isGradEnabled = (): boolean => isRecording()

/**
 * Runs fn and releases, when it returns, every tensor it made and did not return (inside arrays, objects and maps too) or
 * keep(). fn must not be async.
 */
export function scope<R>(fn: () => R): R {
  return runScope(fn, (result) => tensorsIn(result, (v) => v instanceof Tensor))
}

/** Keeps a tensor from being released by the scope or module call that made it. */
export function keep<T extends AnyTensor>(tensor: T): T {
  tensor.kept = true
  tensor.storage.watch()
  return tensor
}

/** Adds the gradient of output with respect to every leaf that requires one to the leaf's grad. */
export function backward<D extends FloatDType>(output: Tensor<D>, options: BackwardOptions<D> = {}): void {
  const arrived = (node: TapeNode, dy: AnyTensor) => {
    if (node.leaf) accumulate(node.leaf, dy)
  }
  propagate('backward', output, options, arrived)
}

/**
 * The gradients of output with respect to the inputs, which are left as they are; throws StateError for an input that
 * output does not depend on.
 */
export function grad<D extends FloatDType>(
  output: Tensor<D>,
  inputs: readonly Tensor<D>[],
  options: BackwardOptions<D> = {},
): Tensor<D>[] {
  const found = new Map<TapeNode, Tensor<D>>()
  const wanted = new Set(inputs.map((t) => nodeOf(t)))
  propagate('grad', output, options, (node, dy) => {
    if (wanted.has(node)) found.set(node, (dy as Tensor<D>).detach())
  })
  return inputs.map((t, i) => {
    const node = nodeOf(t)
    const result = node && found.get(node)
    if (result) return result
    throw new StateError(`grad: expected output to depend on inputs[${i}] (${t}), but no gradient reaches it`)
  })
}

// Walks the graph from its end; visit sees every node with the whole gradient that arrives there.
function propagate<D extends FloatDType>(
  operation: string,
  output: Tensor<D>,
  options: BackwardOptions<D>,
  visit: (node: TapeNode, dy: AnyTensor) => void,
): void {
  const root = nodeOf(output)
  if (!root) {
    throw new StateError(`${operation}: expected a tensor that depends on one with requiresGrad, got ${output}`)
  }
  const seed = seedGradient(operation, output, options)
  const nodes = reachable(root)
  // Handles in this map belong to it alone: each is released as soon as its node has used it.
  const gradients = new Map<TapeNode, AnyTensor>([[root, seed.alias()]])
  if (seed !== options.gradient) seed.dispose()
  withRecording(false, () => {
    for (const node of nodes) {
      const dy = gradients.get(node)
      if (!dy) continue
      gradients.delete(node)
      visit(node, dy)
      if (!node.leaf) send(node, dy, gradients)
      dy.dispose()
    }
  })
  if (options.retainGraph) return
  for (const node of nodes) node.release()
}

function send(node: TapeNode, dy: AnyTensor, gradients: Map<TapeNode, AnyTensor>): void {
  const nothing = new Set()
  runScope(
    () => {
      const results = node.run(dy)
      node.inputs.forEach((input, i) => {
        const result = results[i]
        if (!input || !result) return
        const before = gradients.get(input)
        gradients.set(input, before ? add(before as Tensor, result as Tensor).alias() : result.alias())
        before?.dispose()
      })
    },
    () => nothing,
  )
}

function seedGradient<D extends FloatDType>(
  operation: string,
  output: Tensor<D>,
  options: BackwardOptions<D>,
): Tensor<D> {
  const { gradient } = options
  if (!gradient) {
    if (output.size === 1) return ones(output.shape, { dtype: output.dtype })
    throw new ShapeError(
      `${operation}: expected a tensor of one element, or a gradient of shape ${formatShape(output.shape)}, got none; ` +
        'reduce it with sum() or mean() first',
    )
  }
  checkSameDType(operation, output, gradient)
  if (gradient.ndim !== output.ndim || gradient.shape.some((n, i) => n !== output.shape[i])) {
    throw new ShapeError(
      `${operation}: expected a gradient of shape ${formatShape(output.shape)}, got ${formatShape(gradient.shape)}`,
    )
  }
  return gradient
}

// All nodes that the root depends on, latest first: every node comes before those it takes input from.
function reachable(root: TapeNode): TapeNode[] {
  const seen = new Set<TapeNode>([root])
  for (const node of seen) for (const input of node.inputs) if (input) seen.add(input)
  return [...seen].sort((a, b) => b.order - a.order)
}

function accumulate(leaf: AnyTensor, dy: AnyTensor): void {
  const before = leaf.ownGrad
  if (before) {
    const runtime = sharedRuntime('backward', before, dy)
    const dense = sameLayout(dy.shape, dy.strides, before.strides) ? dy : denseCopy(dy, before.strides)
    const nest = { rank: 1, layout: [dy.size, 1, 1, 1] }
    opcodes.binary(runtime.encode(), dy.dtype, { out: before, a: before, b: dense, kind: Binary.add, ...nest })
    before.storage.version++
    if (dense !== dy) dense.dispose()
    return
  }
  // The leaf's own: in the leaf's memory order, and in storage that nobody else changes.
  const own = sameLayout(dy.shape, dy.strides, leaf.strides) && !shares(dy)
  const gradient = own ? dy.alias() : denseCopy(dy, leaf.strides)
  gradient.storage.watch()
  leaf.grad = gradient
}

const shares = (t: AnyTensor): boolean => t.storage.shared || t.offset !== 0
