import type { Rules } from '../check-options.ts'
import { ShapeError } from '../errors.ts'
import { eachPixel, formatShape, pixelAt, sameShape } from '../tensor.ts'
import { type Activated, activate, activationRules, gradientThrough } from './activation.ts'
import { type LayerDefinition, type LayerOf, makeLayer, NO_FLOPS } from './layer.ts'

export type AddOptions = Activated
export type AddLayer<Name extends string = string> = LayerOf<'add', Name, AddOptions>

/**
 * The sum of two or more tensors of one shape, value by value, and what the activation makes of it; each gets the sum's gradient.
 * A residual block ends with it. Any shape. Source: He et al. 2015, 'Deep Residual Learning'.
 */
export function add<const Name extends string>(
  name: Name,
  options: AddOptions & { readonly inputs: readonly string[] },
): AddLayer<Name> {
  return makeLayer('add', name, options, rules)
}

const rules: Rules<AddOptions> = activationRules

export const addDefinition: LayerDefinition<AddOptions> = {
  rules,
  inputCount: { atLeast: 2 },

  outputShape(name, _options, [first, ...others]) {
    for (const other of others) {
      if (sameShape(first!, other)) continue
      throw new ShapeError(
        `${name}: ${formatShape(first!)} and ${formatShape(other)} can't be added; all inputs must have one shape`,
      )
    }
    return first!
  },

  parameters: () => ({}),
  flops: () => NO_FLOPS,

  forward({ options, inputs, output }) {
    eachPixel(output, (n, y, x) => {
      const to = pixelAt(output, n, y, x)
      for (let c = 0; c < output.shape[3]; c++) {
        const sum = inputs.reduce((total, input) => total + input.values[pixelAt(input, n, y, x) + c]!, 0)
        output.values[to + c] = activate(options, sum)
      }
    })
  },

  backward({ options, output, outputGradient, inputGradients }) {
    eachPixel(output, (n, y, x) => {
      const [at, from] = [pixelAt(output, n, y, x), pixelAt(outputGradient, n, y, x)]
      for (let c = 0; c < output.shape[3]; c++) {
        const gradient = gradientThrough(options, output.values[at + c]!, outputGradient.values[from + c]!)
        for (const to of inputGradients) if (to) to.values[pixelAt(to, n, y, x) + c]! += gradient
      }
    })
  },
}
