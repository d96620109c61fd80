import { eachPixel, type Grid, pixelAt } from '../tensor.ts'
import { type LayerDefinition, type LayerInputs, type LayerOf, makeLayer, NO_FLOPS } from './layer.ts'

/** `prelu` has no options of its own. */
export type PreluOptions = Readonly<Record<never, never>>

/** A layer that `prelu` makes. */
export type PreluLayer<Name extends string = string> = LayerOf<'prelu', Name, PreluOptions>

/** PyTorch's default. */
const INITIAL_SLOPE = 0.25

/**
 * x where x > 0, and slope * x elsewhere, with a trained slope for each channel; its derivative at 0 is the slope. Keeps the
 * shape, (N, H, W, C) or (N, C); parameter slope (C), at first 0.25. Source: He et al. 2015, 'Delving Deep into
 * Rectifiers'.
 */
export function prelu<const Name extends string>(name: Name, options: LayerInputs = {}): PreluLayer<Name> {
  return makeLayer('prelu', name, options, {})
}

export const preluDefinition: LayerDefinition<PreluOptions> = {
  rules: {},
  rectifies: true,
  outputShape: (_name, _options, [input]) => input!,
  parameters: (_options, [input]) => ({
    slope: { shape: [input!.at(-1) ?? 1], role: 'slope', initial: INITIAL_SLOPE },
  }),
  flops: () => NO_FLOPS,

  forward({ inputs: [input], parameters, output }) {
    const slope = parameters.slope!
    eachPixel(output, (n, y, x) => {
      const [from, to] = [pixelAt(input!, n, y, x), pixelAt(output, n, y, x)]
      for (let c = 0; c < slope.length; c++) {
        const value = input!.values[from + c]!
        output.values[to + c] = value > 0 ? value : slope[c]! * value
      }
    })
  },

  backward({ inputs, parameters, outputGradient, inputGradients: [inputGradient], parameterGradients }) {
    const input = inputs[0]!
    const slope = parameters.slope
    const slopeGradient = parameterGradients.slope
    eachValue(input, outputGradient, (n, y, x, c, value, given) => {
      if (slopeGradient && !(value > 0)) slopeGradient[c]! += value * given
      if (!inputGradient) return
      inputGradient.values[pixelAt(inputGradient, n, y, x) + c]! += value > 0 ? given : slope![c]! * given
    })
  },
}

function eachValue(
  input: Grid,
  outputGradient: Grid,
  visit: (n: number, y: number, x: number, c: number, value: number, given: number) => void,
): void {
  eachPixel(outputGradient, (n, y, x) => {
    const [from, at] = [pixelAt(input, n, y, x), pixelAt(outputGradient, n, y, x)]
    for (let c = 0; c < outputGradient.shape[3]; c++)
      visit(n, y, x, c, input.values[from + c]!, outputGradient.values[at + c]!)
  })
}
