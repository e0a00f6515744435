// Quern as a contestant; threads and instruction set come from QUERN_THREADS and QUERN_ISA.
import { init, runtime } from 'quern'
import { serve } from '../peers/serve.mjs'
import type { Work } from '../work.js'
import { openKernel } from './kernels.js'
import { loopDelay, openInference, openTraining } from './models.js'

await init()
const { backend, isa, threads, version } = runtime()

await serve({
  about: { version, detail: `${backend} ${isa}`, backend, isa, threads },
  open(work: Work) {
    if (work.op === 'train') return [openTraining(work)]
    return [work.op === 'infer' ? openInference(work) : openKernel(work)]
  },
  memory() {
    const { live, reserved } = runtime().memory
    return { rss: process.memoryUsage().rss, live, reserved, delay: loopDelay() }
  },
})
