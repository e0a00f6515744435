// The WASM host: the engine's module in a Worker of Node or of a browser, fed by messages, answering with messages.
// Where memory can be shared, `status` carries progress and memory figures, and lets the sender wait for an answer.

/** @typedef {{ type: 'open', module: WebAssembly.Module, isa: string, status: SharedArrayBuffer | null }} Open */

/** Places in `status`: Int32 ones, then Float64 ones (live, peak, reserved). src/backend/wasm.ts has the other end. */
const progress = 0
const ready = 1
const figures = 16

let post = (message, transfer) => globalThis.postMessage(message, transfer)
let exports
let engine
let status
// Room for the ABI's structs, taken at the beginning so that telling of a failure never needs memory.
let structs = 0
let scratch = 0
let scratchBytes = 0

// Messages may come before the module is ready; they wait here, in order.
let waiting = []
const receive = (message) =>
  exports ? handle(message) : message.type === 'open' ? open(message) : waiting.push(message)

if (typeof globalThis.WorkerGlobalScope === 'undefined') {
  const { parentPort } = await import('node:worker_threads')
  post = (message, transfer) => parentPort.postMessage(message, transfer)
  parentPort.on('message', receive)
} else {
  globalThis.onmessage = (event) => receive(event.data)
}

async function open({ module, isa, status: shared }) {
  status = shared
  const nothing = () => 0
  const imports = {}
  for (const { module: from, name, kind } of WebAssembly.Module.imports(module)) {
    if (kind === 'function') (imports[from] ??= {})[name] = name === 'proc_exit' ? stop : nothing
  }
  const instance = await WebAssembly.instantiate(module, imports)
  instance.exports._initialize?.()
  exports = instance.exports
  structs = exports.malloc(64)
  const name = place(new TextEncoder().encode(`${isa}\0`))
  engine = exports.quern_open(name, 1)
  const state = engine ? info() : null
  if (status) Atomics.store(new Int32Array(status), ready, engine ? 1 : 2)
  wake(ready)
  post({ type: 'opened', state })
  const early = waiting
  waiting = []
  for (const message of early) handle(message)
}

function stop(code) {
  throw new Error(`the WASM engine stopped with code ${code}`)
}

/** Copies bytes into the module and returns their address; the next call reuses the place. */
function place(bytes) {
  reserve(bytes.byteLength)
  new Uint8Array(exports.memory.buffer).set(bytes, scratch)
  return scratch
}

function reserve(bytes) {
  if (bytes <= scratchBytes) return
  exports.free(scratch)
  scratchBytes = Math.max(bytes, 1 << 16)
  // A size of 4 GiB or more would wrap around on its way into the module.
  scratch = scratchBytes < 2 ** 32 ? exports.malloc(scratchBytes) : 0
  if (scratch === 0) {
    scratchBytes = 0
    throw new RangeError('out of memory')
  }
}

function handle(message) {
  const { type, words, buffer, offset, bytes, data, id, answer } = message
  if (type === 'run') {
    // Commands count as words; all else counts as one.
    exports.quern_run(engine, place(new Uint8Array(words.buffer, words.byteOffset, words.byteLength)), words.length, 0)
    done(words.length)
  } else if (type === 'write') {
    try {
      exports.quern_write(engine, buffer, offset, place(new Uint8Array(data)), data.byteLength)
    } catch {
      // No room to pass the data through: the buffer keeps no value, which the next read of it will tell.
      exports.quern_write(engine, buffer, 0, 0, 2 ** 32 - 1)
    }
    done(1)
  } else if (type === 'read') {
    reply(id, read(buffer, offset, bytes), answer)
  } else if (type === 'close') {
    exports.quern_close(engine)
    globalThis.close?.()
  }
}

/** The failure so far, or the bytes asked for (none for a fence). */
function read(buffer, offset, bytes) {
  let failed = false
  let data = null
  if (buffer !== 0) {
    try {
      reserve(bytes)
      failed = exports.quern_read(engine, buffer, offset, scratch, bytes) !== 0
      if (!failed) data = exports.memory.buffer.slice(scratch, scratch + bytes)
    } catch {
      return { failure: { kind: 1, opcode: 0xffff, buffer, bytes } }
    }
  }
  exports.quern_error(engine, structs)
  const view = new DataView(exports.memory.buffer, structs, 24)
  const failure = {
    kind: view.getUint32(0, true),
    opcode: view.getUint32(4, true),
    buffer: view.getUint32(8, true),
    bytes: view.getFloat64(16, true),
  }
  if (failure.kind === 0 && !failed) return { data }
  return { failure: failure.kind === 0 ? { ...failure, kind: 3, buffer } : failure }
}

function reply(id, result, answer) {
  done(1)
  if (!answer) {
    post({ type: 'answer', id, state: info(), ...result }, result.data ? [result.data] : [])
    return
  }
  // answer: shared memory that the sender waits on: [0 waiting, 1 done, 2 failed], 3 unused words, then the bytes.
  const flag = new Int32Array(answer, 0, 1)
  if (result.data) new Uint8Array(answer, 16).set(new Uint8Array(result.data))
  if (result.failure) {
    const { kind, opcode, buffer, bytes } = result.failure
    new Float64Array(answer, 16, 4).set([kind, opcode, buffer, bytes])
  }
  Atomics.store(flag, 0, result.failure ? 2 : 1)
  Atomics.notify(flag, 0)
}

function info() {
  exports.quern_info(engine, structs)
  const view = new DataView(exports.memory.buffer, structs, 40)
  const text = (at) => {
    const bytes = new Uint8Array(exports.memory.buffer, view.getUint32(at, true))
    return new TextDecoder().decode(bytes.slice(0, bytes.indexOf(0)))
  }
  return {
    live: view.getFloat64(0, true),
    peak: view.getFloat64(8, true),
    reserved: view.getFloat64(16, true),
    threads: view.getUint32(24, true),
    isa: text(28),
    available: text(32),
  }
}

function done(count) {
  if (!status) return
  Atomics.add(new Int32Array(status), progress, count)
  const { live, peak, reserved } = info()
  new Float64Array(status, figures, 3).set([live, peak, reserved])
  wake(progress)
}

function wake(index) {
  if (status) Atomics.notify(new Int32Array(status), index)
}
