// Tensors for the tests of types.
import { ones } from 'quern'

export const x = ones([2, 3])
export const double = ones([2, 3], { dtype: 'float64' })
export const whole = ones([2], { dtype: 'int32' })
export const mask = ones([2, 3], { dtype: 'bool' })

type Hidden = 'alias' | 'handle' | 'restride' | 'toString'
type FunctionsOf<T> = { [K in keyof T]: T[K] extends (...args: never[]) => unknown ? K : never }[keyof T]
type ClassesOf<T> = { [K in keyof T]: T[K] extends abstract new (...args: never[]) => unknown ? K : never }[keyof T]

/** An entry for each function, or method, of T. */
export type Calls<T> = Record<Exclude<FunctionsOf<T>, symbol | Hidden>, () => unknown[]>
/** An entry for each class of T. */
export type Constructions<T> = Record<ClassesOf<T>, () => unknown[]>
