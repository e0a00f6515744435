// Training speed beside PyTorch's, chunk by chunk in turn, so that a drifting machine hits both alike.
import { runtime } from 'quern'
import { mnistTraining } from './mnist-cnn.js'
import { openPyTorch } from './peers/pytorch.js'

const batch = 64
const rounds = 7
const median = (values: number[]) => [...values].sort((a, b) => a - b)[values.length >> 1] as number

export async function training(): Promise<void> {
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
  const row = (name: string, value: number, note = '') =>
    console.log(`  ${name}`.padEnd(56), value.toFixed(0).padStart(7), note)
  console.log(`MNIST-CNN, batch ${batch}: images/s of training, medians of ${rounds} chunks or more`)
  row(`Quern ${backend} ${isa}, threads: ${threads}`, speed)
  for (const [layout, values] of theirs) {
    row(`${peer?.name}, ${layout}`, median(values), `  Quern is ${(speed / median(values)).toFixed(2)}×`)
  }
  if (!peer) console.log('  PyTorch: absent')
}
