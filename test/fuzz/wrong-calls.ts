// The calls of an operation that must be refused, from what the catalogue says of it.
import { Tensor, to } from 'quern'
import type { Operation } from './operation.js'
import type { Code, Kind, Parameter, Wrong } from './parameters.js'
import { Plain } from './random.js'
import type { AnyTensor } from './tensors.js'

export interface WrongCall {
  kind: Kind
  /** Which argument is wrong, and how. */
  what: string
  args: unknown[]
  code: Code
}

interface Place {
  name: string
  option: boolean
  parameter: Parameter
  right: unknown
  /** The arguments with another value here. */
  put(value: unknown): unknown[]
}

/** Where an argument or option stands. */
function places(operation: Operation, args: readonly unknown[]): Place[] {
  const found = operation.parameters.map((parameter, i): Place => {
    const put = (value: unknown) => args.map((arg, k) => (k === i ? value : arg))
    return { name: `argument ${i}`, option: false, parameter, right: args[i], put }
  })
  const options = args.at(-1) as Record<string, unknown>
  for (const [key, parameter] of Object.entries(operation.options ?? {})) {
    const put = (value: unknown) => [...args.slice(0, -1), { ...options, [key]: value }]
    found.push({ name: key, option: true, parameter, right: options[key], put })
  }
  return found
}

const noOptions: Wrong[] = [null, 3, 'x'].map((value) => ({ kind: 'value', value, code: 'ARGUMENT' }))

/** What stands for the tensor inside an argument, and how another takes its place. */
function inside(right: unknown): { tensor: AnyTensor; among: (t: AnyTensor) => unknown } | null {
  if (right instanceof Tensor) return { tensor: right, among: (t) => t }
  if (!Array.isArray(right) || !(right[0] instanceof Tensor)) return null
  return { tensor: right[0] as AnyTensor, among: (t) => [t, ...right.slice(1)] }
}

/** Calls with another tensor in the place of each in turn; `others` holds what stands at the same places. */
function replacing(
  operation: Operation,
  args: unknown[],
  others: readonly unknown[],
  wrong: Pick<WrongCall, 'kind' | 'code'>,
): WrongCall[] {
  const there = places(operation, others)
  return places(operation, args).flatMap(({ name, right, put }, i): WrongCall[] => {
    const [found, other] = [inside(right), inside(there[i]?.right)]
    return found && other ? [{ ...wrong, what: name, args: put(found.among(other.tensor)) }] : []
  })
}

/** The same tensors in float64. */
function widened(operation: Operation, args: unknown[]): WrongCall[] {
  const floats = places(operation, args).filter(({ parameter, right }) => parameter.sameFloat && inside(right))
  if (floats.length < 2 && !Array.isArray(args[0])) return []
  return floats.map(({ name, right, put }): WrongCall => {
    const found = inside(right) as NonNullable<ReturnType<typeof inside>>
    return { kind: 'two float dtypes', what: name, args: put(found.among(to(found.tensor, 'float64'))), code: 'DTYPE' }
  })
}

/** Arguments whose tensors were disposed. */
function disposed(operation: Operation): unknown[] {
  const args = operation.sample(new Plain())
  for (const { right } of places(operation, args)) inside(right)?.tensor.dispose()
  return args
}

/** Every call of this operation that must be refused; `old` are arguments of an engine that was replaced. */
export function wrongCalls(operation: Operation, old: readonly unknown[]): WrongCall[] {
  const args = operation.sample(new Plain())
  const calls = places(operation, args).flatMap(({ name, option, parameter, right, put }) =>
    // null and undefined stand for an option that is left out.
    parameter
      .wrong(right, args[0])
      .filter(({ value }) => !(option && (value === null || value === undefined)))
      .map(({ kind, value, code }): WrongCall => {
        return { kind, what: `${name} is ${show(value)}`, args: put(value), code }
      }),
  )
  const before = args.slice(0, -1)
  const options = noOptions.map(
    (w): WrongCall => ({ ...w, what: `options are ${w.value}`, args: [...before, w.value] }),
  )
  return [
    ...calls,
    ...(operation.options ? options : []),
    ...widened(operation, args),
    ...replacing(operation, args, disposed(operation), { kind: 'disposed', code: 'STATE' }),
    ...replacing(operation, args, old, { kind: 'replaced engine', code: 'BACKEND' }),
  ]
}

/** A value as text, short. */
export function show(value: unknown): string {
  if (value instanceof Tensor) return `${value}`
  if (Array.isArray(value)) return `[${value.slice(0, 8).map(show).join(', ')}${value.length > 8 ? ', …' : ''}]`
  if (typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype) {
    return `{ ${Object.entries(value)
      .map(([k, v]) => `${k}: ${show(v)}`)
      .join(', ')} }`
  }
  if (typeof value === 'object' && value !== null) return Object.prototype.toString.call(value)
  return typeof value === 'string' ? JSON.stringify(value) : String(value)
}
