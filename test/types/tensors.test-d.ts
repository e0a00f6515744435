// Checked by `npm run types`: for every function that makes, moves or records tensors a call that compiles and then one that must not. One without an
// entry is an error too. Nothing here runs.
import * as q from 'quern'
import { double, mask, whole, x } from './values.js'

export const tensors = {
  arange: () => [
    q.arange(0, 9, 2, { dtype: 'int32' }).oneHot(9),
    // @ts-expect-error
    q.arange(9),
  ],
  backward: () => [
    q.backward(x, { retainGraph: true }),
    // @ts-expect-error
    q.backward(whole),
  ],
  bernoulli: () => [
    q.bernoulli(x),
    // @ts-expect-error
    q.bernoulli(0.5),
  ],
  checkpoint: () => [
    q.checkpoint((a: q.Tensor) => a.exp(), [x]),
    // @ts-expect-error
    q.checkpoint((a: q.Tensor) => a.exp(), [whole]),
  ],
  chunk: () => [
    q.chunk(whole, 2, 1),
    // @ts-expect-error
    q.chunk(whole, '2'),
  ],
  clone: () => [
    q.clone(mask),
    // @ts-expect-error
    q.clone([1]),
  ],
  concat: () => [
    q.concat([x, x], 1),
    // @ts-expect-error
    q.concat(x, x),
  ],
  contiguous: () => [
    q.contiguous(whole),
    // @ts-expect-error
    q.contiguous(1),
  ],
  empty: () => [
    q.empty([2], { dtype: 'int32' }).oneHot(2),
    // @ts-expect-error
    q.empty(2),
  ],
  enableGrad: () => [
    q.enableGrad(() => x.exp()),
    // @ts-expect-error
    q.enableGrad(true),
  ],
  expand: () => [
    q.expand(mask, [2, 2]),
    // @ts-expect-error
    q.expand(mask, 2),
  ],
  eye: () => [
    q.eye(3, 4, { dtype: 'bool' }),
    // @ts-expect-error
    q.eye([3, 4]),
  ],
  flatten: () => [
    q.flatten(x, 1),
    // @ts-expect-error
    q.flatten(x, [1]),
  ],
  flip: () => [
    q.flip(mask, [0, 1]),
    // @ts-expect-error
    q.flip(mask, '0'),
  ],
  full: () => [
    q.full([2], 1, { dtype: 'float64' }),
    // @ts-expect-error
    q.full([2]),
  ],
  gather: () => [
    q.gather(x, 0, whole),
    // @ts-expect-error
    q.gather(x, 0, [1]),
  ],
  grad: () => [
    q.grad(x, [x])[0]?.exp(),
    // @ts-expect-error
    q.grad(x, [double]),
  ],
  gradCheck: () => [
    q.gradCheck((a) => a.exp(), [double], { eps: 1e-4 }),
    // @ts-expect-error
    q.gradCheck((a) => a.exp(), [x]),
  ],
  gradGradCheck: () => [
    q.gradGradCheck((a) => a.exp(), [double]),
    // @ts-expect-error
    q.gradGradCheck((a) => a.exp(), [x]),
  ],
  indexSelect: () => [
    q.indexSelect(mask, 0, whole),
    // @ts-expect-error
    q.indexSelect(x, 0, x),
  ],
  init: () => [
    q.init({ backend: 'wasm', threads: 1 }),
    // @ts-expect-error
    q.init({ backend: 'cuda' }),
  ],
  isGradEnabled: () => [
    q.isGradEnabled() === true,
    // @ts-expect-error
    q.isGradEnabled(true),
  ],
  keep: () => [
    q.keep(x).exp(),
    // @ts-expect-error
    q.keep(1),
  ],
  linspace: () => [
    q.linspace(0, 1, 5),
    // @ts-expect-error
    q.linspace(0, 1, 5, { dtype: 'int32' }),
  ],
  manualSeed: () => [
    q.manualSeed(1),
    // @ts-expect-error
    q.manualSeed('1'),
  ],
  narrow: () => [
    q.narrow(x, 0, 1, 2),
    // @ts-expect-error
    q.narrow(x, 0, 1),
  ],
  noGrad: () => [
    q.noGrad(() => x.add_(1)),
    // @ts-expect-error
    q.noGrad(x),
  ],
  numericGradient: () => [
    q.numericGradient((a) => a.sum(), double),
    // @ts-expect-error
    q.numericGradient((a) => a.sum(), x),
  ],
  ones: () => [
    q.ones([2], { dtype: 'int32' }).oneHot(2),
    // @ts-expect-error
    q.ones(2),
  ],
  onesLike: () => [
    q.onesLike(x).exp(),
    // @ts-expect-error
    q.onesLike(whole).exp(),
  ],
  permute: () => [
    q.permute(x, [1, 0]),
    // @ts-expect-error
    q.permute(x, 1, 0),
  ],
  rand: () => [
    q.rand([2], { requiresGrad: true }),
    // @ts-expect-error
    q.rand([2], { dtype: 'int32' }),
  ],
  randint: () => [
    q.randint(0, 9, [2]).oneHot(9),
    // @ts-expect-error
    q.randint(0, 9),
  ],
  randn: () => [
    q.randn([2], { requiresGrad: true }),
    // @ts-expect-error
    q.randn([2], { dtype: 'int32' }),
  ],
  randomState: () => [
    q.setRandomState(q.randomState()),
    // @ts-expect-error
    q.randomState(1),
  ],
  randperm: () => [
    q.randperm(5),
    // @ts-expect-error
    q.randperm([5]),
  ],
  repeat: () => [
    q.repeat(x, [2]),
    // @ts-expect-error
    q.repeat(x, 2),
  ],
  reshape: () => [
    q.reshape(x, [-1]),
    // @ts-expect-error
    q.reshape(x, -1),
  ],
  runtime: () => [
    q.runtime().memory.live + 1,
    // @ts-expect-error
    q.runtime('native'),
  ],
  scatterAdd: () => [
    q.scatterAdd(x, 0, whole, x),
    // @ts-expect-error
    q.scatterAdd(x, 0, whole, double),
  ],
  scope: () => [
    q.scope(() => ({ x })).x.exp(),
    // @ts-expect-error
    q.scope(x),
  ],
  setRandomState: () => [
    q.setRandomState(q.randomState()),
    // @ts-expect-error
    q.setRandomState(1),
  ],
  setThreads: () => [
    q.setThreads(2),
    // @ts-expect-error
    q.setThreads('2'),
  ],
  slice: () => [
    q.slice(x, 0, 1, 5, 2),
    // @ts-expect-error
    q.slice(x, '0'),
  ],
  split: () => [
    q.split(whole, 2, 1),
    // @ts-expect-error
    q.split(whole, '2'),
  ],
  squeeze: () => [
    q.squeeze(x, 0),
    // @ts-expect-error
    q.squeeze(x, [0]),
  ],
  stack: () => [
    q.stack([whole]),
    // @ts-expect-error
    q.stack(whole),
  ],
  synchronize: () => [
    q.synchronize().then(() => 1),
    // @ts-expect-error
    q.synchronize(1),
  ],
  tensor: () => [
    q.tensor(Int32Array.of(1)).oneHot(2),
    // @ts-expect-error
    q.tensor('1'),
  ],
  tile: () => [
    q.tile(whole, [2]),
    // @ts-expect-error
    q.tile(whole, 2),
  ],
  to: () => [
    q.to(x, 'int32').oneHot(2),
    // @ts-expect-error
    q.to(x, 'int64'),
  ],
  transpose: () => [
    q.transpose(x, 0, 1),
    // @ts-expect-error
    q.transpose(x),
  ],
  unsqueeze: () => [
    q.unsqueeze(x, 0),
    // @ts-expect-error
    q.unsqueeze(x),
  ],
  zeros: () => [
    q.zeros([2], { dtype: 'int32' }).oneHot(2),
    // @ts-expect-error
    q.zeros(2),
  ],
  zerosLike: () => [
    q.zerosLike(whole).oneHot(2),
    // @ts-expect-error
    q.zerosLike([1]),
  ],
}
