// How the catalogue describes an operation.
import type { Parameter } from './parameters.js'
import type { Random } from './random.js'

export interface Operation {
  name: string
  /** What its messages may begin with: its name, unless it is made of others. */
  says: readonly string[]
  call: (...args: unknown[]) => unknown
  /** Arguments that it takes; the last are the options, if it has any. */
  sample: (r: Random) => unknown[]
  parameters: readonly Parameter[]
  options: Readonly<Record<string, Parameter>> | null
  /** Whether it builds a layer, whose weights are drawn before its input is looked at. */
  constructs: boolean
}

interface More {
  options?: Record<string, Parameter>
  says?: readonly string[]
  constructs?: boolean
}

// biome-ignore lint/suspicious/noExplicitAny: it is called with arguments of every type, wrong ones too
type Anything = (...args: any[]) => unknown

export const op = (
  name: string,
  call: Anything,
  parameters: readonly Parameter[],
  sample: (r: Random) => unknown[],
  { options, says = [], constructs = false }: More = {},
): Operation => ({
  ...{ name, says: [name, ...says], call, sample, parameters, options: options ?? null, constructs },
})
