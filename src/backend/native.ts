import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import { BackendError } from '../errors.js'
import type { Backend, BackendInfo, BackendOptions } from './backend.js'

/** The class that native/napi.cpp defines. */
interface Host {
  submit(words: Uint32Array, count: number): void
  write(buffer: number, byteOffset: number, data: ArrayBufferView): void
  read(buffer?: number, byteOffset?: number, target?: ArrayBuffer): Promise<void>
  readSync(buffer?: number, byteOffset?: number, target?: ArrayBuffer): void
  adjustMemory(bytes: number): void
  info(): BackendInfo
  close(): void
}

type Addon = { Host: new (isa: string, threads: number) => Host }

/** Where the package lies: this file is two levels below it, in source and in both builds. */
export const packageRoot = fileURLToPath(new URL('../..', import.meta.url))

/** Loads the addon: a build of this machine, or a prebuild. Throws what node-gyp-build throws when there is neither. */
export function loadAddon(): Addon {
  const require = createRequire(import.meta.url)
  const load = require('node-gyp-build') as (root: string) => Addon
  return load(packageRoot)
}

/** Opens the engine in the addon; throws BackendError when it cannot be loaded (with a cause) or lacks the ISA. */
export function openNative(options: BackendOptions): Backend {
  let addon: Addon
  try {
    addon = loadAddon()
  } catch (cause) {
    throw new BackendError(
      'init: expected a native build for this platform, found none; `npx quern doctor` tells what was tried and what to do',
      { cause },
    )
  }
  return new NativeBackend(open(addon, options))
}

function open(addon: Addon, options: BackendOptions): Host {
  try {
    return new addon.Host(options.isa, options.threads)
  } catch {
    const host = new addon.Host('', 1)
    const { available } = host.info()
    host.close()
    throw new BackendError(
      `init: expected QUERN_ISA to be one that this CPU and build have (${available.split(' ').join(', ')}), got ${JSON.stringify(options.isa)}`,
    )
  }
}

class NativeBackend implements Backend {
  readonly kind = 'native'

  constructor(private readonly host: Host) {}

  submit(words: Uint32Array, count: number): void {
    this.host.submit(words, count)
  }

  write(buffer: number, byteOffset: number, data: ArrayBufferView): void {
    this.host.write(buffer, byteOffset, data)
  }

  async read(buffer: number, byteOffset: number, bytes: number): Promise<ArrayBuffer> {
    const target = new ArrayBuffer(bytes)
    await this.host.read(buffer, byteOffset, target)
    return target
  }

  readSync(buffer: number, byteOffset: number, bytes: number): ArrayBuffer {
    const target = new ArrayBuffer(bytes)
    this.host.readSync(buffer, byteOffset, target)
    return target
  }

  fence(): Promise<void> {
    return this.host.read()
  }

  fenceSync(): void {
    this.host.readSync()
  }

  adjustMemory(bytes: number): void {
    this.host.adjustMemory(bytes)
  }

  info(): BackendInfo {
    return this.host.info()
  }

  close(): void {
    this.host.close()
  }
}
