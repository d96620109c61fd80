import { eachPixel, pixelAt } from '../tensor.ts'
import { type LayerDefinition, type LayerInputs, type LayerOf, NO_FLOPS } from './layer.ts'

export type ReluOptions = Readonly<Record<never, never>>
export type ReluLayer<Name extends string = string> = LayerOf<'relu', Name, ReluOptions>

/**
 * Rectified linear unit: max(x, 0), NaN kept; the gradient passes where x > 0. Any shape.
 * Behind a convolution, prefer its `activation: 'relu'`, which costs no pass over memory. Source: Nair & Hinton 2010.
 */
export function relu<const Name extends string>(name: Name, { inputs }: LayerInputs = {}): ReluLayer<Name> {
  return { kind: 'relu', name, ...(inputs && { inputs }), options: {} }
}

export const reluDefinition: LayerDefinition<ReluOptions> = {
  validate() {},
  outputShape: (_name, _options, [input]) => input!,
  parameters: () => ({}),
  flops: () => NO_FLOPS,

  forward({ inputs: [input], output }) {
    eachPixel(output, (n, y, x) => {
      const [from, to] = [pixelAt(input!, n, y, x), pixelAt(output, n, y, x)]
      for (let c = 0; c < output.shape[3]; c++) {
        output.values[to + c] = Math.max(input!.values[from + c]!, 0)
      }
    })
  },

  backward({ output, outputGradient, inputGradients: [inputGradient] }) {
    if (!inputGradient) return
    eachPixel(output, (n, y, x) => {
      const [mask, from] = [pixelAt(output, n, y, x), pixelAt(outputGradient, n, y, x)]
      const to = pixelAt(inputGradient, n, y, x)
      for (let c = 0; c < output.shape[3]; c++) {
        if (output.values[mask + c]! > 0) inputGradient.values[to + c]! += outputGradient.values[from + c]!
      }
    })
  },
}
