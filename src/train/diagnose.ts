import { type Module, observing } from '../nn/module.js'
import { noGrad, scope } from '../ops/autograd.js'
import { mul } from '../ops/elementwise.js'
import { type RandomState, setRandomState } from '../ops/random.js'
import { sum } from '../ops/reduce.js'
import { Tensor } from '../tensor.js'

/**
 * Runs the batch once more with the same random numbers and says in words where the first value that is not finite comes
 * from: the input, a layer's weights, a layer's output, or the loss.
 */
export async function findNonFinite(model: Module, x: Tensor, random: RandomState): Promise<string> {
  if (!(await finite(x))) return 'the input batch holds values that are not finite'
  const names = new Map([...model.namedModules()].map(([name, module]) => [module, name]))
  const name = (module: Module) => `layer '${names.get(module) || '(model)'}' (${module.constructor.name})`
  for (const [path, p] of model.namedParameters()) {
    if (!(await finite(p))) return `parameter '${path}' holds values that are not finite`
  }
  const outputs: [Module, Promise<boolean>][] = []
  setRandomState(random)
  noGrad(() =>
    scope(() =>
      observing(
        (module, output) => {
          if (output instanceof Tensor) outputs.push([module, finite(output as Tensor)])
        },
        () => void model.forward(x),
      ),
    ),
  )
  for (const [module, ok] of outputs) {
    if (!(await ok)) return `the first output that is not finite is that of ${name(module)}`
  }
  return 'every layer gives finite outputs, so it comes from the loss function or its targets'
}

// x·0 is 0 where x is finite and NaN elsewhere.
async function finite(x: Tensor): Promise<boolean> {
  const zero = noGrad(() => scope(() => sum(mul(x, 0))))
  const value = zero.item()
  zero.dispose()
  return (await value) === 0
}
