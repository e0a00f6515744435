// Layers as the textbook writes them: plain loops over typed arrays, (N,C,H,W), no trick. The bench's fixed point.

/** A layer: forward keeps what backward needs; backward returns the input's gradient and leaves its parameters'. */
export interface Layer {
  forward(x: Float32Array, batch: number): Float32Array
  backward(dy: Float32Array, batch: number): Float32Array
  parameters?: Parameter[]
}

export interface Parameter {
  value: Float32Array
  gradient: Float32Array
}

const parameter = (size: number, bound: number): Parameter => ({
  value: Float32Array.from({ length: size }, () => bound * (2 * Math.random() - 1)),
  gradient: new Float32Array(size),
})

/** 3×3 with padding 1: weight (out,in,3,3), bias (out), images of size × size. */
export class Conv implements Layer {
  readonly weight: Parameter
  readonly bias: Parameter
  readonly parameters: Parameter[]
  private x: Float32Array = new Float32Array()

  constructor(
    readonly inputs: number,
    readonly outputs: number,
    readonly size: number,
  ) {
    const bound = 1 / Math.sqrt(inputs * 9)
    this.weight = parameter(outputs * inputs * 9, bound)
    this.bias = parameter(outputs, bound)
    this.parameters = [this.weight, this.bias]
  }

  forward(x: Float32Array, batch: number): Float32Array {
    const { inputs, outputs, size, weight, bias } = this
    this.x = x
    const y = new Float32Array(batch * outputs * size * size)
    for (let n = 0; n < batch; n++)
      for (let o = 0; o < outputs; o++)
        for (let i = 0; i < size; i++)
          for (let j = 0; j < size; j++) {
            let sum = bias.value[o]!
            for (let c = 0; c < inputs; c++)
              for (let di = 0; di < 3; di++)
                for (let dj = 0; dj < 3; dj++) {
                  const [row, column] = [i + di - 1, j + dj - 1]
                  if (row < 0 || row >= size || column < 0 || column >= size) continue
                  sum +=
                    x[((n * inputs + c) * size + row) * size + column]! *
                    weight.value[((o * inputs + c) * 3 + di) * 3 + dj]!
                }
            y[((n * outputs + o) * size + i) * size + j] = sum
          }
    return y
  }

  backward(dy: Float32Array, batch: number): Float32Array {
    const { inputs, outputs, size, weight, bias, x } = this
    const dx = new Float32Array(batch * inputs * size * size)
    weight.gradient.fill(0)
    bias.gradient.fill(0)
    for (let n = 0; n < batch; n++)
      for (let o = 0; o < outputs; o++)
        for (let i = 0; i < size; i++)
          for (let j = 0; j < size; j++) {
            const d = dy[((n * outputs + o) * size + i) * size + j]!
            bias.gradient[o]! += d
            for (let c = 0; c < inputs; c++)
              for (let di = 0; di < 3; di++)
                for (let dj = 0; dj < 3; dj++) {
                  const [row, column] = [i + di - 1, j + dj - 1]
                  if (row < 0 || row >= size || column < 0 || column >= size) continue
                  const pixel = ((n * inputs + c) * size + row) * size + column
                  const tap = ((o * inputs + c) * 3 + di) * 3 + dj
                  dx[pixel]! += d * weight.value[tap]!
                  weight.gradient[tap]! += d * x[pixel]!
                }
          }
    return dx
  }
}

export class ReLU implements Layer {
  private y: Float32Array = new Float32Array()

  forward(x: Float32Array): Float32Array {
    this.y = x.map((v) => Math.max(0, v))
    return this.y
  }

  backward(dy: Float32Array): Float32Array {
    return dy.map((d, i) => (this.y[i]! > 0 ? d : 0))
  }
}

/** The largest of every 2×2 of images of size × size. */
export class MaxPool implements Layer {
  private places = new Int32Array()

  constructor(
    readonly channels: number,
    readonly size: number,
  ) {}

  forward(x: Float32Array, batch: number): Float32Array {
    const { channels, size } = this
    const half = size / 2
    const y = new Float32Array(batch * channels * half * half)
    this.places = new Int32Array(y.length)
    for (let plane = 0; plane < batch * channels; plane++)
      for (let i = 0; i < half; i++)
        for (let j = 0; j < half; j++) {
          let place = (plane * size + 2 * i) * size + 2 * j
          for (const other of [place + 1, place + size, place + size + 1]) if (x[other]! > x[place]!) place = other
          const at = (plane * half + i) * half + j
          y[at] = x[place]!
          this.places[at] = place
        }
    return y
  }

  backward(dy: Float32Array): Float32Array {
    const dx = new Float32Array(4 * dy.length)
    for (let i = 0; i < dy.length; i++) dx[this.places[i]!]! += dy[i]!
    return dx
  }
}

/** weight (out,in), bias (out). */
export class Linear implements Layer {
  readonly weight: Parameter
  readonly bias: Parameter
  readonly parameters: Parameter[]
  private x: Float32Array = new Float32Array()

  constructor(
    readonly inputs: number,
    readonly outputs: number,
  ) {
    const bound = 1 / Math.sqrt(inputs)
    this.weight = parameter(outputs * inputs, bound)
    this.bias = parameter(outputs, bound)
    this.parameters = [this.weight, this.bias]
  }

  forward(x: Float32Array, batch: number): Float32Array {
    const { inputs, outputs, weight, bias } = this
    this.x = x
    const y = new Float32Array(batch * outputs)
    for (let n = 0; n < batch; n++)
      for (let o = 0; o < outputs; o++) {
        let sum = bias.value[o]!
        for (let i = 0; i < inputs; i++) sum += x[n * inputs + i]! * weight.value[o * inputs + i]!
        y[n * outputs + o] = sum
      }
    return y
  }

  backward(dy: Float32Array, batch: number): Float32Array {
    const { inputs, outputs, weight, bias, x } = this
    const dx = new Float32Array(batch * inputs)
    weight.gradient.fill(0)
    bias.gradient.fill(0)
    for (let n = 0; n < batch; n++)
      for (let o = 0; o < outputs; o++) {
        const d = dy[n * outputs + o]!
        bias.gradient[o]! += d
        for (let i = 0; i < inputs; i++) {
          dx[n * inputs + i]! += d * weight.value[o * inputs + i]!
          weight.gradient[o * inputs + i]! += d * x[n * inputs + i]!
        }
      }
    return dx
  }
}

export class Dropout implements Layer {
  private mask: Float32Array = new Float32Array()

  constructor(readonly p: number) {}

  forward(x: Float32Array): Float32Array {
    this.mask = x.map(() => (Math.random() < this.p ? 0 : 1 / (1 - this.p)))
    return x.map((v, i) => v * this.mask[i]!)
  }

  backward(dy: Float32Array): Float32Array {
    return dy.map((d, i) => d * this.mask[i]!)
  }
}
