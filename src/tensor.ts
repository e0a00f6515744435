import { type DType, dtypes, type FloatDType, isFloat, type TypedArrayOf } from './engine/dtype.js'
import { coalesce, isRowMajor, maxSize, rowMajor, sameShape, sizeOf } from './engine/layout.js'
import * as opcodes from './engine/opcodes.js'
import { type Runtime, use } from './engine/runtime.js'
import { adopt } from './engine/scope.js'
import { shown } from './engine/shown.js'
import { Storage } from './engine/storage.js'
import { nodeOf, type TapeNode } from './engine/tape.js'
import { ArgumentError, BackendError, DTypeError, ShapeError, StateError } from './errors.js'

export type { DType, FloatDType, TypedArray, TypedArrayOf } from './engine/dtype.js'
export type NestedArray = number | NestedArray[]

/**
 * An n-dimensional array in the engine, with a tape for gradients. Operations only encode commands; data(), item() and
 * array() are what waits for results. No call is needed to free one; dispose() does it earlier.
 */
export class Tensor<D extends DType = 'float32'> {
  private needsGrad = false
  /** @internal The operation on the tape that made this. */
  node: TapeNode | null = null
  /** @internal Released by no scope: parameters, and what keep() was called on. */
  kept = false
  /** @internal */
  disposed = false
  private gradient: Tensor<D> | null = null
  private gradientSeen = false
  private readonly store: Storage

  /** @internal Takes over one reference to the storage. */
  constructor(
    storage: Storage,
    readonly dtype: D,
    readonly shape: readonly number[],
    /** @internal In elements. */
    readonly strides: readonly number[],
    /** @internal In elements. */
    readonly offset = 0,
  ) {
    this.store = storage
  }

  /** @internal Throws StateError after dispose. */
  get storage(): Storage {
    if (this.disposed) throw disposedError('tensor', this)
    return this.store
  }

  /** Whether gradients with respect to this are wanted. Setting it throws DTypeError for integers, StateError for false on a result. */
  get requiresGrad(): boolean {
    return this.needsGrad
  }

  set requiresGrad(value: boolean) {
    if (value && !isFloat(this.dtype)) {
      throw new DTypeError(`requiresGrad: expected a float dtype, got ${this.dtype}`)
    }
    if (!value && !this.isLeaf) {
      throw new StateError(
        `requiresGrad: expected a leaf, got the result of ${this.node?.operation}; detach() it to stop gradients there`,
      )
    }
    this.needsGrad = value
  }

  /** Whether no recorded operation made this. */
  get isLeaf(): boolean {
    return !this.node || this.node.leaf !== null
  }

  get ndim(): number {
    return this.shape.length
  }

  /** Number of elements. */
  get size(): number {
    return sizeOf(this.shape)
  }

  /** The accumulated gradient of a leaf, or null. */
  get grad(): Tensor<D> | null {
    this.gradientSeen = true
    return this.gradient
  }

  set grad(value: Tensor<D> | null | undefined) {
    if (value !== null && value !== undefined) checkGradient(this, value)
    // One that nobody can have kept need not wait for the garbage collector.
    if (this.gradient && this.gradient !== value && !this.gradientSeen) this.gradient.dispose()
    this.gradient = value ?? null
    this.gradientSeen = false
    if (value) value.kept = true
  }

  /** @internal The gradient for optimisers: reading it so does not count as handing it out. */
  get ownGrad(): Tensor<D> | null {
    return this.gradient
  }

  /** @internal A second handle on the same value that no scope owns and the tape does not know. */
  alias(): Tensor<D> {
    return new Tensor(this.storage.retain(), this.dtype, this.shape, this.strides, this.offset)
  }

  /** @internal As alias(), but where it is on the tape so is the other. */
  handle(): Tensor<D> {
    const t = this.alias()
    t.node = nodeOf(this)
    t.needsGrad = this.needsGrad
    return t
  }

  /** @internal Another look at the same storage. */
  restride(shape: readonly number[], strides: readonly number[], offset = this.offset): Tensor<D> {
    // A view of nothing begins where its storage does: there may be nothing at the offset.
    const start = sizeOf(shape) === 0 ? 0 : offset
    const t = new Tensor(this.storage.retain(), this.dtype, shape, strides, start)
    adopt(t)
    return t
  }

  /** The same values, off the tape. */
  detach(): Tensor<D> {
    return this.restride(this.shape, this.strides)
  }

  /** Releases this handle now; using it afterwards throws StateError. */
  dispose(): void {
    if (this.disposed) return
    this.disposed = true
    this.store.release()
    // What others hold of it, the tape among them, may be forgotten rather than released.
    this.store.watch()
  }

  [Symbol.dispose](): void {
    this.dispose()
  }

  /** The values in logical row-major order. Rejects with MemoryError or StateError if computing them failed. */
  async data(): Promise<TypedArrayOf<D>> {
    return this.withDense((t) =>
      t.storage.runtime.read(t.storage.id, t.offset * this.itemBytes, this.size * this.itemBytes),
    ).then((bytes) => this.typed(bytes))
  }

  /** As data(), but blocks until they are computed. */
  dataSync(): TypedArrayOf<D> {
    return this.typed(
      this.withDense((t) =>
        t.storage.runtime.readSync(t.storage.id, t.offset * this.itemBytes, this.size * this.itemBytes),
      ),
    )
  }

  /** The value of a tensor with one element; throws ShapeError for any other. */
  async item(): Promise<number> {
    this.checkSingle('item')
    return (await this.data())[0] as number
  }

  /** As item(), but blocks until it is computed. */
  itemSync(): number {
    this.checkSingle('itemSync')
    return this.dataSync()[0] as number
  }

  /** The values as nested arrays, a number for a scalar. */
  async array(): Promise<NestedArray> {
    return nest(await this.data(), this.shape)
  }

  /** As array(), but blocks until they are computed. */
  arraySync(): NestedArray {
    return nest(this.dataSync(), this.shape)
  }

  toString(): string {
    return `Tensor(${describe(this)}${this.requiresGrad ? ', requiresGrad' : ''})`
  }

  private get itemBytes(): number {
    return dtypes[this.dtype].bytes
  }

  private withDense<R>(read: (t: Tensor<D>) => R): R {
    if (isRowMajor(this.shape, this.strides)) return read(this)
    const copy = denseCopy(this, rowMajor(this.shape))
    try {
      return read(copy)
    } finally {
      copy.dispose()
    }
  }

  private typed(bytes: ArrayBuffer): TypedArrayOf<D> {
    return new dtypes[this.dtype].array(bytes) as TypedArrayOf<D>
  }

  private checkSingle(operation: string): void {
    if (this.size === 1) return
    throw new ShapeError(`${operation}: expected a tensor of one element, got shape ${formatShape(this.shape)}`)
  }
}

/** A tensor of whatever dtype. */
export type AnyTensor = Tensor<DType>
export type FloatTensor = Tensor<FloatDType>

/** '8×32×28×28', or 'scalar'. */
export const formatShape = (shape: readonly number[]): string => (shape.length === 0 ? 'scalar' : shape.join('×'))

const describe = (t: { dtype: DType; shape: readonly number[] }): string => `${t.dtype} ${formatShape(t.shape)}`

/** What every use of a disposed tensor throws. */
export const disposedError = (operation: string, t: { dtype: DType; shape: readonly number[] }): StateError =>
  new StateError(
    `${operation}: expected a live tensor, got ${describe(t)} that was disposed: by dispose(), or because the module call or ` +
      'scope that made it did not return it; return it, or call keep(tensor) inside',
  )

/** A tensor with storage of its own and no value yet: what an operation encodes its output into. */
export function allocate<D extends DType>(
  dtype: D,
  shape: readonly number[],
  strides: readonly number[] = rowMajor(shape),
  runtime: Runtime = use(),
): Tensor<D> {
  const size = sizeOf(shape)
  const storage = new Storage(runtime, size * dtypes[dtype].bytes, size <= maxSize)
  const t = new Tensor(storage, dtype, shape, strides)
  adopt(t)
  return t
}

/** A copy with these strides, off the tape. */
export function denseCopy<D extends DType>(x: Tensor<D>, strides: readonly number[]): Tensor<D> {
  const { runtime } = x.storage
  const out = allocate(x.dtype, x.shape, strides, runtime)
  opcodes.copy(runtime.encode(), x.dtype, { out, x, ...coalesce(x.shape, [strides, x.strides]) })
  return out
}

/** The runtime all of these tensors belong to; throws BackendError when they belong to different ones. */
export function sharedRuntime(operation: string, ...tensors: (AnyTensor | null | undefined)[]): Runtime {
  let runtime: Runtime | null = null
  for (const t of tensors) {
    if (!t) continue
    const own = t.storage.runtime
    if (own.closed) {
      throw new BackendError(
        `${operation}: expected tensors of the running engine, got one of an engine that init() has replaced; make it again`,
      )
    }
    if (runtime && own !== runtime) {
      throw new BackendError(`${operation}: expected all tensors on one backend, got tensors of two`)
    }
    runtime = own
  }
  return runtime ?? use()
}

// An in-place sum of another dtype or shape would go beyond its memory.
function checkGradient(t: AnyTensor, gradient: AnyTensor): void {
  if (!(gradient instanceof Tensor)) throw new ArgumentError(`grad: expected a tensor or null, got ${shown(gradient)}`)
  const same = sameShape(t.shape, gradient.shape)
  if (same && t.dtype === gradient.dtype) return
  throw new (same ? DTypeError : ShapeError)(`grad: expected a gradient of ${describe(t)}, got ${describe(gradient)}`)
}

function nest(data: ArrayLike<number>, shape: readonly number[]): NestedArray {
  let offset = 0
  const build = (dim: number): NestedArray => {
    if (dim === shape.length) return data[offset++] as number
    return Array.from({ length: shape[dim] as number }, () => build(dim + 1))
  }
  return build(0)
}
