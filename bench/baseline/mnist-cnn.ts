// MNIST-CNN, its loss and Adam in plain JavaScript.
import { Conv, Dropout, type Layer, Linear, MaxPool, type Parameter, ReLU } from './layers.js'

export const mnistCnn = (dropout = 0.5): Layer[] => [
  ...[new Conv(1, 32, 28), new ReLU(), new MaxPool(32, 28)],
  ...[new Conv(32, 64, 14), new ReLU(), new MaxPool(64, 14)],
  ...[new Linear(64 * 7 * 7, 128), new ReLU(), new Dropout(dropout), new Linear(128, 10)],
]

/** Mean of −log softmax(logits)[target] over the rows of (N,classes), and its gradient. */
export function crossEntropy(logits: Float32Array, targets: Int32Array): { loss: number; gradient: Float32Array } {
  const batch = targets.length
  const classes = logits.length / batch
  const gradient = new Float32Array(logits.length)
  let loss = 0
  for (let n = 0; n < batch; n++) {
    const row = logits.subarray(n * classes, (n + 1) * classes)
    const largest = Math.max(...row)
    let sum = 0
    for (const v of row) sum += Math.exp(v - largest)
    for (let c = 0; c < classes; c++) {
      const p = Math.exp(row[c]! - largest) / sum
      gradient[n * classes + c] = (p - (c === targets[n] ? 1 : 0)) / batch
    }
    loss += (Math.log(sum) + largest - row[targets[n]!]!) / batch
  }
  return { loss, gradient }
}

/** m, v: moving averages of g and g²; p ← p − lr·m̂ / (√v̂ + eps). */
export class Adam {
  private step = 0
  private readonly moments: { m: Float32Array; v: Float32Array }[]

  constructor(
    readonly parameters: Parameter[],
    readonly lr = 1e-3,
    readonly beta1 = 0.9,
    readonly beta2 = 0.999,
    readonly eps = 1e-8,
  ) {
    const zeros = ({ value }: Parameter) => new Float32Array(value.length)
    this.moments = parameters.map((p) => ({ m: zeros(p), v: zeros(p) }))
  }

  update(): void {
    const { lr, beta1, beta2, eps } = this
    this.step++
    const [correction1, correction2] = [1 - beta1 ** this.step, 1 - beta2 ** this.step]
    for (const [k, { value, gradient }] of this.parameters.entries()) {
      const { m, v } = this.moments[k]!
      for (let i = 0; i < value.length; i++) {
        const g = gradient[i]!
        m[i] = beta1 * m[i]! + (1 - beta1) * g
        v[i] = beta2 * v[i]! + (1 - beta2) * g * g
        value[i]! -= (lr * (m[i]! / correction1)) / (Math.sqrt(v[i]! / correction2) + eps)
      }
    }
  }
}

/** One step of training on a batch; returns the loss. */
export function train(layers: Layer[], adam: Adam, images: Float32Array, targets: Int32Array): number {
  const batch = targets.length
  let x = images
  for (const layer of layers) x = layer.forward(x, batch)
  const { loss, gradient } = crossEntropy(x, targets)
  let dy = gradient
  for (const layer of layers.toReversed()) dy = layer.backward(dy, batch)
  adam.update()
  return loss
}

export const parametersOf = (layers: Layer[]): Parameter[] => layers.flatMap(({ parameters }) => parameters ?? [])
