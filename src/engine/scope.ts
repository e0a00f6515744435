import type { AnyTensor } from '../tensor.js'

// Tensors made in the innermost open scope; null outside of any.
let open: AnyTensor[] | null = null

/** Called by every tensor that is made: an open scope owns it, otherwise the garbage collector does. */
export function adopt(tensor: AnyTensor): void {
  if (open) open.push(tensor)
  else tensor.storage.watch()
}

/** Runs fn and releases every tensor it made, save those that keep() or keeps() says are kept. */
export function runScope<R>(fn: () => R, keeps: (result: R, tensor: AnyTensor) => boolean): R {
  const outer = open
  const made: AnyTensor[] = []
  open = made
  let kept: boolean[] = []
  try {
    const result = fn()
    kept = made.map((tensor) => !tensor.disposed && (tensor.kept || keeps(result, tensor)))
    return result
  } finally {
    open = outer
    for (const [i, tensor] of made.entries()) {
      if (tensor.disposed) continue
      if (kept[i]) adopt(tensor)
      else tensor.dispose()
    }
  }
}

/** Runs fn and releases every tensor it made but the one it returns: for operations that compose others. */
export const local = <T extends AnyTensor>(fn: () => T): T => runScope(fn, (result, tensor) => tensor === result)

/** The tensors in a value: itself, or inside arrays, plain objects and maps, however deep. */
export function tensorsIn(value: unknown, isTensor: (v: unknown) => boolean, found = new Set<unknown>()): Set<unknown> {
  if (typeof value !== 'object' || value === null || found.has(value)) return found
  found.add(value)
  if (isTensor(value)) return found
  const inner =
    value instanceof Map || value instanceof Set || Array.isArray(value) ? value.values() : plainValues(value)
  for (const v of inner) tensorsIn(v, isTensor, found)
  return found
}

function plainValues(value: object): unknown[] {
  const prototype = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null ? Object.values(value) : []
}
