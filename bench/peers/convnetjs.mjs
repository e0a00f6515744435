// ConvNetJS: it trains image by image, so a run is one image.
import { createRequire } from 'node:module'
import { timed } from './serve.mjs'

const require = createRequire(import.meta.url)

const conv = (size, filters) => ({
  type: 'conv',
  sx: size,
  filters,
  stride: 1,
  pad: (size - 1) / 2,
  activation: 'relu',
})
const pool = { type: 'pool', sx: 2, stride: 2 }
const input = (size, depth) => ({ type: 'input', out_sx: size, out_sy: size, out_depth: depth })

// Layers, trainer's options, and the target of an image.
const models = {
  'mnist-cnn': {
    layers: [
      ...[input(28, 1), conv(3, 32), pool, conv(3, 64), pool],
      ...[
        { type: 'fc', num_neurons: 128, activation: 'relu', drop_prob: 0.5 },
        { type: 'softmax', num_classes: 10 },
      ],
    ],
    trainer: { method: 'adam', learning_rate: 1e-3 },
    target: (i) => i % 10,
  },
  'convnetjs-cifar10': {
    layers: [
      ...[input(32, 3), conv(5, 16), pool, conv(5, 20), pool, conv(5, 20), pool],
      { type: 'softmax', num_classes: 10 },
    ],
    trainer: { method: 'adadelta', l2_decay: 0.0001 },
    target: (i) => i % 10,
  },
  mlp: {
    layers: [
      ...[
        { type: 'input', out_sx: 1, out_sy: 1, out_depth: 2 },
        { type: 'fc', num_neurons: 16, activation: 'tanh' },
      ],
      { type: 'regression', num_neurons: 1 },
    ],
    trainer: { method: 'adam', learning_rate: 1e-3 },
    target: () => [0.5],
  },
}

function image({ out_sx, out_sy, out_depth }, convnetjs) {
  const x = new convnetjs.Vol(out_sx, out_sy, out_depth, 0)
  for (let i = 0; i < x.w.length; i++) x.w[i] = Math.random()
  return x
}

export function server() {
  const convnetjs = require('convnetjs')
  const { version } = require('convnetjs/package.json')
  return {
    about: { version },
    open({ op, model: name, batch }) {
      const model = models[name]
      if (!model || !['train', 'infer'].includes(op)) return []
      const net = new convnetjs.Net()
      net.makeLayers(model.layers)
      const trainer = new convnetjs.Trainer(net, { ...model.trainer, batch_size: batch })
      const x = image(model.layers[0], convnetjs)
      let images = 0
      const train = () => trainer.train(x, model.target(images++))
      const once = op === 'train' ? train : () => net.forward(x)
      // A small batch is measured in whole steps.
      const perRun = batch <= 4 ? batch : 1
      const run = (count) =>
        timed(() => {
          for (let i = 0; i < count * perRun; i++) once()
        })
      return [{ scale: perRun / batch, run }]
    },
  }
}
