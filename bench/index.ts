// `npm run bench`: training speed beside PyTorch's, chunk by chunk in turn, so that a drifting machine hits both alike.
import { runtime } from 'quern'
import { mnistTraining } from './mnist-cnn.js'
import { openPyTorch } from './peers/pytorch.js'

const batch = 64
const rounds = 7
const median = (values: number[]) => [...values].sort((a, b) => a - b)[values.length >> 1] as number

const { backend, isa, threads } = runtime()
const train = mnistTraining(batch)
await train(20)
const peer = await openPyTorch(threads, batch)
const ours: number[] = []
const theirs = new Map<string, number[]>()
for (let i = 0; i < 2 * rounds; i++) {
  ours.push(await train(backend === 'wasm' ? 20 : 100))
  const chunk = await peer?.chunk()
  if (chunk) theirs.set(chunk.layout, [...(theirs.get(chunk.layout) ?? []), chunk.imagesPerSecond])
}
await peer?.close()

const speed = median(ours)
console.log(`MNIST-CNN, batch ${batch}, images/s of training (medians)`)
console.log(`  quern ${backend} ${isa}, ${threads} threads`.padEnd(48), speed.toFixed(0).padStart(8))
for (const [layout, values] of theirs) {
  const ratio = (speed / median(values)).toFixed(2)
  console.log(`  ${peer?.name}, ${layout}`.padEnd(48), median(values).toFixed(0).padStart(8), `  quern is ${ratio}×`)
}
if (!peer) console.log('  PyTorch: absent')
