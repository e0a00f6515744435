import { local } from '../engine/scope.js'
import { noGrad } from '../ops/autograd.js'
import { eq } from '../ops/compare.js'
import { to } from '../ops/convert.js'
import { argmax, mean } from '../ops/reduce.js'
import type { AnyTensor, Tensor } from '../tensor.js'

/** A number about a batch, as a tensor of one element: a mean over the batch. */
export type Metric = (output: Tensor, target: AnyTensor) => Tensor

/** Share of the rows of output (N,C) whose largest entry is at the target class (N). */
export const accuracy: Metric = (output, target) =>
  noGrad(() => local(() => mean(to(eq(argmax(output, { dim: 1 }), target as Tensor<'int32'>), 'float32'))))
