// What an operation takes in one place of its arguments, told by what it must refuse there.
import { type DType, ones, Tensor, tensor, to } from 'quern'
import type { AnyTensor } from './tensors.js'

export type Code = 'SHAPE' | 'DTYPE' | 'ARGUMENT' | 'STATE' | 'BACKEND'
export type Kind =
  | 'no tensor'
  | 'dtype'
  | 'two float dtypes'
  | 'rank'
  | 'shape'
  | 'dim'
  | 'value'
  | 'disposed'
  | 'replaced engine'

/** A value that must be refused with this code. */
export interface Wrong {
  kind: Kind
  value: unknown
  code: Code
}

export interface Parameter {
  /** What must be refused where a call has `right`; first is the call's first argument. */
  wrong(right: unknown, first: unknown): Wrong[]
  /** Whether a float tensor here must have the dtype of the others. */
  sameFloat?: boolean
}

const because =
  (kind: Kind, code: Code) =>
  (value: unknown): Wrong => ({ kind, value, code })

export interface TensorOptions {
  /** The ranks it may have; any by default. */
  ranks?: readonly number[]
  /** The least rank it may have. */
  least?: number
  /** Dimensions whose size another argument fixes. */
  tied?: readonly number[]
  /** undefined, and null, may stand there too. */
  optional?: boolean
  /** Only the dtype of the tensors beside it may stand there. */
  sameDType?: boolean
  /** A number may stand there too. */
  orNumber?: boolean
  /** Another float dtype than that of the other tensors may stand there. */
  anyFloat?: boolean
}

const all: readonly DType[] = ['float32', 'float64', 'int32', 'uint8', 'bool']

const ofRank = (rank: number, dtype: DType): AnyTensor => ones(new Array<number>(rank).fill(3), { dtype })

function wrongRanks({ ranks, least = 0 }: TensorOptions): number[] {
  if (!ranks) return Array.from({ length: least }, (_, i) => i)
  return Array.from({ length: Math.max(...ranks) + 2 }, (_, i) => i).filter((i) => !ranks.includes(i))
}

function ofDTypes(dtypes: readonly DType[], options: TensorOptions): Parameter {
  const noTensor = because('no tensor', 'ARGUMENT')
  return {
    sameFloat: dtypes.includes('float32') && !options.anyFloat,
    wrong(right) {
      const list = ['x', '', {}, true, false, [1]].map(noTensor)
      if (!options.orNumber) list.push(noTensor(3))
      if (!options.optional) list.push(noTensor(undefined), noTensor(null))
      if (!(right instanceof Tensor)) return list
      const t = right as AnyTensor
      const others = all.filter((dtype) => (options.sameDType ? dtype !== t.dtype : !dtypes.includes(dtype)))
      list.push(...others.map((dtype) => to(t, dtype)).map(because('dtype', 'DTYPE')))
      list.push(...wrongRanks(options).map((rank) => because('rank', 'SHAPE')(ofRank(rank, t.dtype))))
      for (const dim of options.tied ?? []) {
        const shape = t.shape.map((n, i) => (i === (dim + t.ndim) % t.ndim ? n + 2 : n))
        list.push(because('shape', 'SHAPE')(ones(shape, { dtype: t.dtype })))
      }
      return list
    },
  }
}

export const float = (options: TensorOptions = {}) => ofDTypes(['float32', 'float64'], options)
export const arithmetic = (options: TensorOptions = {}) => ofDTypes(['float32', 'float64', 'int32'], options)
export const int32 = (options: TensorOptions = {}) => ofDTypes(['int32'], options)
export const bool = (options: TensorOptions = {}) => ofDTypes(['bool'], options)
/** (N,C,H,W), or (C,H,W). */
export const images = (tied: readonly number[] = []) => float({ ranks: [3, 4], tied })
/** (N,C,L), or (C,L). */
export const lines = (tied: readonly number[] = []) => float({ ranks: [2, 3], tied })
export const any = (options: TensorOptions = {}) => ofDTypes(all, options)

const listOf = (wrong: Wrong[]): Parameter => ({ wrong: () => wrong })
const notNumbers = ['x', null, {}, Number.NaN]

/** A dimension of the first argument, of `more` dimensions than that has. */
export const dim = (more = 0): Parameter => ({
  wrong(_, first) {
    const example = Array.isArray(first) ? first[0] : first
    const rank = (example instanceof Tensor ? example.ndim : 0) + more
    return [rank, -rank - 1, 0.5, 2 ** 40, ...notNumbers, []].map(because('dim', 'SHAPE'))
  },
})

/** A dimension of the first argument or a list of them. */
export const dims: Parameter = {
  wrong(_, first) {
    const rank = (first as AnyTensor).ndim
    const single = [rank, -rank - 1, 0.5, ...notNumbers]
    return [...single, ...single.map((d) => [d]), [0, 0]].map(because('dim', 'SHAPE'))
  },
}

const value = because('value', 'ARGUMENT')

/** A whole number from low to high. */
export const integer = (low = -(2 ** 31), high = 2 ** 31 - 1, code: Code = 'ARGUMENT'): Parameter =>
  listOf([low - 1, high + 1, 0.5, Number.POSITIVE_INFINITY, ...notNumbers, []].map(because('value', code)))

/** Such a number or a pair of them. */
export const pair = (low: number): Parameter =>
  listOf([low - 1, 0.5, ...notNumbers, [], [1], [1, 1, 1], [1, low - 1], [0.5, 1], ['1', 1]].map(value))

/** A number from low to high. */
export const number = (low = Number.NEGATIVE_INFINITY, high = Number.POSITIVE_INFINITY): Parameter =>
  listOf([...notNumbers, [], ...[low - 1, high + 1].filter(Number.isFinite)].map(value))

/** Any number, NaN too. */
export const anyNumber: Parameter = listOf(['x', null, {}, [], true].map(value))

export const oneOf = (...words: string[]): Parameter =>
  listOf([...words.map((w) => w.toUpperCase()), '', 3, null, {}, []].map(value))

export const flag: Parameter = listOf(['yes', 3, null, {}, Number.NaN].map(value))

/** Sizes of all dimensions. */
export const shape: Parameter = listOf(
  [
    ...[[-2], [0.5], [Number.NaN], ['3'], [2 ** 31], [null]],
    ...[new Array(17).fill(1), 'x', null, undefined, 3, {}],
  ].map(because('value', 'SHAPE')),
)

/** These values, refused with this code. */
export const refuses = (code: Code, ...values: unknown[]): Parameter => listOf(values.map(because('value', code)))

/** Also these values. */
export const also = (parameter: Parameter, code: Code, ...values: unknown[]): Parameter => ({
  ...parameter,
  wrong: (right, first) => [...parameter.wrong(right, first), ...values.map(because('value', code))],
})

/** Instead of a dtype's name. */
export const dtypeName: Parameter = listOf(['float16', '', 3, null, {}, 'toString'].map(because('dtype', 'DTYPE')))

/** Such tensors in a list, which may be empty or not. */
export const listed = (inner: Parameter, orNone = false): Parameter => ({
  sameFloat: inner.sameFloat ?? false,
  wrong(right, first) {
    const [head, ...rest] = right as AnyTensor[]
    const inside = inner.wrong(rest[0], first).map((w) => ({ ...w, value: [head, w.value, ...rest.slice(1)] }))
    const none = ['x', {}, 3, null, undefined].map(because('no tensor', 'ARGUMENT'))
    return [...inside, ...none, ...(orNone ? [] : [because('shape', 'SHAPE')([])])]
  },
})

/** A tensor of one dtype, for a call that needs another one. */
export const whole = (values: number[]): Tensor<'int32'> => tensor(Int32Array.from(values))
