// Checked by `npm run types`: each line below @ts-expect-error must be an error.
import { conv2d, crossEntropy, grad, gradCheck, ones, optim, type Tensor, tensor, zeros } from 'quern'

const single = ones([2])
const double = ones([2], { dtype: 'float64' })
const whole = tensor(Int32Array.of(1, 2))

export const values: Promise<Float32Array> = single.data()
export const wholeValues: Int32Array = whole.dataSync()
export const doubleValues: Float64Array = double.dataSync()
export const item: Promise<number> = single.item()
export const compared: Tensor<'bool'> = single.eq(1)
export const places: Tensor<'int32'> = single.argmax()
export const unused: (Tensor | null)[] = grad(single, [single], { allowUnused: true })
export const used: Tensor[] = grad(single, [single], { createGraph: true })
export const remove: () => void = single.registerHook((g) => g.mul(2))
export const checked: true = gradCheck((x) => x.exp(), [double])

// @ts-expect-error an integer tensor has no exp
whole.exp()
// @ts-expect-error nor backward
whole.backward()
// @ts-expect-error float32 and float64 do not mix
single.add(double)
// @ts-expect-error nor in a matrix product
single.matmul(double)
// @ts-expect-error data of int32 is no Float32Array
export const wrong: Float32Array = whole.dataSync()
// @ts-expect-error item is asynchronous
export const waited: number = single.item()
// @ts-expect-error there is no such dtype
zeros([1], { dtype: 'float16' })
// @ts-expect-error no such option
conv2d(single, single, { strides: 2 })
// @ts-expect-error targets are class indices or probabilities
crossEntropy(single, tensor(Uint8Array.of(1)))
// @ts-expect-error no such reduction
crossEntropy(single, whole, { reduction: 'median' })
// @ts-expect-error no such option of SGD
new optim.SGD([single], { momentumm: 0.9 })
// @ts-expect-error gradCheck wants float64
gradCheck((x) => x, [single])
// @ts-expect-error without allowUnused there is no null, and the option says so
grad(single, [single], { allowUnused: 'yes' })
// @ts-expect-error a hook returns a tensor or nothing
single.registerHook(() => 3)
