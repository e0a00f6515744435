// Gradients that compute again instead of remembering.
import { adopt, local } from '../engine/scope.js'
import { isRecording, nextOrder, nodeOf, TapeNode, withRecording } from '../engine/tape.js'
import type { AnyTensor, FloatTensor } from '../tensor.js'
import { reachable, walk } from './autograd.js'
import { randomState, setRandomState } from './random.js'

/**
 * fn(...inputs) without keeping what its gradient needs: backward computes it again, with the same random numbers. fn must
 * not be async and must do the same when called again (Chen et al. 2016).
 */
export function checkpoint<T extends FloatTensor, const I extends readonly AnyTensor[]>(
  fn: (...inputs: I) => T,
  inputs: I,
): T {
  if (!isRecording()) return fn(...inputs)
  const random = randomState()
  const start = nextOrder()
  const y = local(() => fn(...inputs))
  const root = nodeOf(y)
  if (!root || root.leaf || root.order < start) return y
  const { inside, ends } = segment(root, start)
  for (const node of inside) node.release()
  const out = y.detach() as T
  y.dispose()
  out.node = new TapeNode(
    'checkpoint',
    ends,
    inputs.map((t) => t.handle()),
    (dy, saved) => {
      const before = randomState()
      const start = nextOrder()
      setRandomState(random)
      try {
        const again = withRecording(true, () => fn(...(saved as I)))
        return segmentGradients(nodeOf(again) as TapeNode, start, dy, ends)
      } finally {
        setRandomState(before)
      }
    },
  )
  out.requiresGrad = true
  return out
}

// The graph of what fn computes, ended where it meets what was there before: its nodes, and those ends.
function segment(root: TapeNode, start: number): { inside: TapeNode[]; ends: TapeNode[] } {
  const isEnd = (node: TapeNode) => node.leaf !== null || node.order < start
  const nodes = reachable(root, isEnd)
  return { inside: nodes.filter((n) => !isEnd(n)), ends: nodes.filter(isEnd) }
}

function segmentGradients(
  root: TapeNode,
  start: number,
  dy: AnyTensor,
  ends: readonly TapeNode[],
): (AnyTensor | null)[] {
  const { inside } = segment(root, start)
  const gradients = new Map<TapeNode, AnyTensor>([[root, dy.handle()]])
  walk(inside, gradients, () => {})
  if (!isRecording()) for (const node of inside) node.release()
  return ends.map((node) => {
    const found = gradients.get(node)
    if (found) adopt(found)
    return found ?? null
  })
}
