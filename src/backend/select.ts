import { ArgumentError, BackendError } from '../errors.js'
import type { Backend, BackendOptions } from './backend.js'
import { openNative } from './native.js'
import { openWasm } from './wasm.js'

let told = false

/** Opens the backend asked for (or in QUERN_BACKEND); 'auto' takes native if it loads, else WASM, saying so once. */
export function openBackend(asked: string, options: BackendOptions): Backend {
  const env = typeof process === 'undefined' ? undefined : process.env.QUERN_BACKEND
  const choice = asked === 'auto' && env ? env : asked
  if (choice !== 'auto' && choice !== 'native' && choice !== 'wasm') {
    throw new ArgumentError(`init: expected backend to be 'auto', 'native' or 'wasm', got ${JSON.stringify(choice)}`)
  }
  if (choice === 'wasm' || typeof process === 'undefined') return openWasm(options)
  try {
    return openNative(options)
  } catch (error) {
    if (choice === 'native' || !(error instanceof BackendError) || error.cause === undefined) throw error
    const backend = openWasm({ ...options, isa: '' })
    if (!told) {
      told = true
      console.warn(
        'quern: no native build here, running on WebAssembly (slower); `npx quern doctor` tells why and what to do',
      )
    }
    return backend
  }
}
