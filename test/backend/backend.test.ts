// The engine in its process: what it does to the event loop, to exits, to worker threads, and how it is chosen.
import { describe, expect, test } from 'vitest'
import { quernUrl, runProgram } from './program.js'

const train = `
const model = new q.nn.Sequential(new q.nn.Linear(256, 512), new q.nn.ReLU(), new q.nn.Linear(512, 10))
const optimizer = new q.optim.AdamW(model.parameters())
const x = q.randn([256, 256])
const y = q.randint(0, 10, [256])
const step = () => {
  optimizer.zeroGrad()
  const loss = q.crossEntropy(model.forward(x), y)
  loss.backward()
  optimizer.step()
  return loss
}
`

describe.each(['native', 'wasm'])('%s', (backend) => {
  const env = { QUERN_BACKEND: backend }

  test('timers run while it computes', async () => {
    const { stdout, code } = await runProgram(
      `const a = q.randn([1024, 1024])
       let b = a
       for (let i = 0; i < 40; i++) b = q.matmul(b, a).mul(0.01)
       let ticks = 0
       const timer = setInterval(() => ticks++, 1)
       const before = performance.now()
       await b.sum().item()
       const took = performance.now() - before
       clearInterval(timer)
       console.log(JSON.stringify({ share: ticks / took, took }))`,
      env,
    )
    expect(code).toBe(0)
    const { share, took } = JSON.parse(stdout)
    expect(took).toBeGreaterThan(30)
    expect(share).toBeGreaterThan(0.1) // a blocked loop would give one tick
  })

  test('a process with nothing to wait for ends, one that awaits gets its answer', async () => {
    const idle = await runProgram(`${train} for (let i = 0; i < 5; i++) step()`, env)
    expect([idle.code, idle.stderr]).toEqual([0, ''])
    const waiting = await runProgram(`${train} step().item().then((v) => console.log(v > 0))`, env)
    expect([waiting.code, waiting.stdout, waiting.stderr]).toEqual([0, 'true\n', ''])
  })

  test('process.exit and an uncaught error in the middle of a step end it at once', async () => {
    const exit = await runProgram(`${train} for (let i = 0; i < 300; i++) step(); await null; process.exit(7)`, env)
    expect([exit.code, exit.signal, exit.stderr]).toEqual([7, null, ''])
    const thrown = await runProgram(`${train} for (let i = 0; i < 50; i++) step(); throw new Error('mine')`, env)
    expect([thrown.code, thrown.signal]).toEqual([1, null])
    expect(thrown.stderr).toContain('mine')
    expect(thrown.stderr).not.toContain('terminate called')
  })

  test('worker threads have engines of their own, and may be ended in the middle of a step', async () => {
    const worker = `
      import('tsx/esm/api').then(async ({ tsImport }) => {
        const q = await tsImport(${JSON.stringify(quernUrl)}, ${JSON.stringify(quernUrl)})
        const { parentPort, workerData } = await import('node:worker_threads')
        q.manualSeed(5)
        ${train}
        for (let i = 0; i < 20; i++) step()
        parentPort.postMessage(await step().item())
        if (workerData === 'forever') for (;;) { for (let i = 0; i < 20; i++) step(); await q.synchronize() }
      })`
    const { code, signal, stdout, stderr } = await runProgram(
      `import { Worker } from 'node:worker_threads'
       const start = (workerData) => new Worker(${JSON.stringify(worker)}, { eval: true, workerData })
       const first = (worker) => new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject))
       const endless = start('forever')
       const losses = await Promise.all([first(start('')), first(endless), first(start(''))])
       await endless.terminate()
       q.manualSeed(5)
       ${train}
       for (let i = 0; i < 20; i++) step()
       losses.push(await step().item())
       console.log(new Set(losses).size, losses.length)`,
      env,
    )
    expect({ code, signal, stderr }).toEqual({ code: 0, signal: null, stderr: '' })
    expect(stdout).toBe('1 4\n')
  })

  test('init replaces the engine, and tensors of the old one say so', async () => {
    const { stdout } = await runProgram(
      `const old = q.ones([2])
       const info = await q.init({ backend: ${JSON.stringify(backend)} })
       try { q.add(old, 1) } catch (e) { console.log(e.code, info.backend, e.message) }
       console.log(await q.ones([2]).add(1).array())`,
    )
    expect(stdout).toMatch(/^ERR_QUERN_BACKEND (native|wasm) add: expected tensors of the running engine/)
    expect(stdout).toContain('[ 2, 2 ]')
  })
})

test.each([
  [
    { QUERN_ISA: 'sse9' },
    /ERR_QUERN_BACKEND init: expected QUERN_ISA to be one that this CPU and build have \(.*reference\), got "sse9"/,
  ],
  [{ QUERN_BACKEND: 'gpu' }, /ERR_QUERN_ARGUMENT init: expected backend to be 'auto', 'native' or 'wasm', got "gpu"/],
  [{ QUERN_THREADS: 'many' }, /ERR_QUERN_ARGUMENT init: expected threads to be an integer from 1 to 1024, got NaN/],
  [{ QUERN_BACKEND: 'wasm', QUERN_ISA: 'avx2' }, /ERR_QUERN_BACKEND init: expected QUERN_ISA to be wasm or reference/],
])('%j is refused with the choice', async (env, message) => {
  const { stdout, code } = await runProgram(`try { q.runtime() } catch (e) { console.log(e.code, e.message) }`, env)
  expect(code).toBe(0)
  expect(stdout).toMatch(message)
})

test('threads: more than cores give the same results, and runtime tells how many', async () => {
  const { stdout } = await runProgram(
    `const data = Array.from({ length: 64 * 32 * 9 * 9 }, (_, i) => (i * 7) % 5 - 2)
     const x = q.tensor(data, { shape: [64, 32, 9, 9] })
     const w = q.tensor(data.slice(0, 48 * 32 * 9), { shape: [48, 32, 3, 3] })
     const run = async (threads) => {
       q.setThreads(threads)
       const y = await q.conv2d(x, w, { padding: 1 }).data()
       return [q.runtime().threads, Buffer.from(y.buffer).toString('base64')]
     }
     const all = [await run(1), await run(2), await run(5), await run(16)]
     console.log(all.map(([n]) => n).join(), new Set(all.map(([, y]) => y)).size)`,
  )
  expect(stdout).toBe('1,2,5,16 1\n')
})
