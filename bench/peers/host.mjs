// @ts-check
// `node host.mjs NAME --threads N`: one of the peers that npm installs here, as a contestant.
import { serve } from './serve.mjs'

// Libraries greet on stdout, which belongs to the answers.
console.log = console.info = console.warn = console.error

const [, , name = ''] = process.argv
/** @type {Record<string, () => Promise<import('./serve.mjs').Server>>} */
const peers = {
  convnetjs: async () => (await import('./convnetjs.mjs')).server(),
  'tfjs-cpu': async () => (await import('./tfjs.mjs')).server('cpu'),
  'tfjs-wasm': async () => (await import('./tfjs.mjs')).server('wasm'),
  'onnxruntime-node': async () => (await import('./onnxruntime.mjs')).server('onnxruntime-node'),
  'onnxruntime-web': async () => (await import('./onnxruntime.mjs')).server('onnxruntime-web'),
}

try {
  const peer = await peers[name]?.()
  if (!peer) throw new Error(`expected one of ${Object.keys(peers).join(', ')}, got ${name}`)
  await serve(peer)
} catch (error) {
  console.error(/** @type {Error} */ (error).message.split('\n')[0])
  process.exit(3)
}
// Some keep timers or threads alive.
process.exit(0)
