// Trains a small convolutional network on all of MNIST and leaves weights, history and curves: `npm start -- --help`.
import { join } from 'node:path'
import { crossEntropy, init, manualSeed, nn, optim, QuernError, runtime } from 'quern'
import { DataLoader, datasets } from 'quern/data'
import { saveSafetensors, writeAtomically } from 'quern/io'
import { accuracy, curvesSvg, evaluate, fit, progressBar } from 'quern/train'
import { readOptions } from './options.js'

const { epochs, batchSize, lr, threads, backend, seed, out, data } = readOptions()
const stop = new AbortController()
process.once('SIGINT', () => stop.abort())

async function main(): Promise<void> {
  await init({ backend, ...(threads ? { threads } : {}) })
  const { isa, threads: used, backend: running } = runtime()
  console.log(`MNIST on ${running} (${isa}), ${used} thread${used === 1 ? '' : 's'}`)
  if (seed !== undefined) manualSeed(seed)

  const source = { ...(data === undefined ? {} : { root: data }), normalize: true }
  const train = new DataLoader(await datasets.mnist(source), { batchSize, shuffle: true })
  const test = new DataLoader(await datasets.mnist({ ...source, train: false }), { batchSize: 500 })
  const model = new nn.Sequential(
    ...[new nn.Conv2d(1, 32, 3, { padding: 1 }), new nn.ReLU(), new nn.MaxPool2d(2)],
    ...[new nn.Conv2d(32, 64, 3, { padding: 1 }), new nn.ReLU(), new nn.MaxPool2d(2)],
    ...[new nn.Flatten(), new nn.Linear(64 * 7 * 7, 128), new nn.ReLU(), new nn.Dropout(0.25), new nn.Linear(128, 10)],
  )
  const optimizer = new optim.AdamW(model.parameters(), { lr })
  const measures = { loss: crossEntropy, metrics: { accuracy }, signal: stop.signal }
  const callbacks = [progressBar({ unit: 'images' })]
  const history = await fit(model, train, { ...measures, optimizer, epochs, validation: test, callbacks })

  const { accuracy: share = 0 } = await evaluate(model, test, measures)
  await saveSafetensors(join(out, 'model.safetensors'), model.stateDict())
  await writeAtomically(join(out, 'history.csv'), history.toCsv())
  await writeAtomically(join(out, 'curves.svg'), curvesSvg(history))
  console.log(`test accuracy ${(100 * share).toFixed(2)} %; weights, history and curves are in ${out}`)
}

main().catch((error) => {
  if (stop.signal.aborted) console.log('stopped; nothing was saved')
  else console.error(error instanceof QuernError ? error.message : error)
  process.exitCode = stop.signal.aborted ? 130 : 2
})
