// `npm run prebuild`: the addon as prebuilds/<platform>-<arch>/quern.<libc>.node, where node-gyp-build finds it.
// prebuildify's own node-gyp would download Node's headers; CMake has them from npm.
import prebuildify from 'prebuildify'
import { root } from './native.mjs'

const options = {
  cwd: root,
  targets: ['20.0.0'],
  napi: true,
  strip: true,
  tagLibc: process.platform === 'linux',
  shell: true,
  nodeGyp: 'node scripts/native.mjs --',
}
prebuildify(options, (error) => {
  if (!error) return
  console.error(error.message)
  process.exitCode = 1
})
