import type { Rules } from '../check-options.ts'
import { ShapeError } from '../errors.ts'
import { eachPixel, formatShape, pixelAt, sameShape } from '../tensor.ts'
import { type Activated, activateAll, activationRules, gradientsThrough } from './activation.ts'
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
    const channels = output.shape[3]
    eachPixel(output, (n, y, x) => {
      const to = pixelAt(output, n, y, x)
      for (const [i, input] of inputs.entries()) {
        const from = pixelAt(input, n, y, x)
        for (let c = 0; c < channels; c++) {
          const value = input.values[from + c]!
          if (i === 0) output.values[to + c] = value
          else output.values[to + c]! += value
        }
      }
      activateAll(options, output.values, to, channels)
    })
  },

  backward({ options, output, outputGradient, inputGradients }) {
    const gradients = new Float64Array(output.shape[3])
    eachPixel(output, (n, y, x) => {
      const [at, from] = [pixelAt(output, n, y, x), pixelAt(outputGradient, n, y, x)]
      gradientsThrough(options, output, at, outputGradient, from, gradients)
      for (const grid of inputGradients) {
        if (!grid) continue
        const to = pixelAt(grid, n, y, x)
        for (let c = 0; c < gradients.length; c++) grid.values[to + c]! += gradients[c]!
      }
    })
  },
}
