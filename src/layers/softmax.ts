import { ShapeError } from '../errors.ts'
import { eachPixel, type Grid, pixelAt } from '../tensor.ts'
import { type LayerDefinition, type LayerInputs, type LayerOf, makeLayer, NO_FLOPS } from './layer.ts'

/** `softmax` has no options of its own. */
export type SoftmaxOptions = Readonly<Record<never, never>>

/** A layer that `softmax` makes. */
export type SoftmaxLayer<Name extends string = string> = LayerOf<'softmax', Name, SoftmaxOptions>

/**
 * Probabilities from logits: e^x over the sum of e^x of all channels of a pixel, their maximum subtracted before. Keeps
 * the shape, (N, H, W, C) or (N, C). To train a classifier, use `softmaxLoss` on the logits instead. Source: Bridle
 * 1990.
 */
export function softmax<const Name extends string>(
  name: Name,
  options: LayerInputs = {},
): SoftmaxLayer<Name> {
  return makeLayer('softmax', name, options, {})
}

export const softmaxDefinition: LayerDefinition<SoftmaxOptions> = {
  isDistribution: true,
  rules: {},
  inputSize: () => 1,
  outputShape(name, _options, [input]) {
    if (input!.length === 0)
      throw new ShapeError(`${name}: its input is one number an image, and has no channels`)
    return input!
  },
  parameters: () => ({}),
  flops: () => NO_FLOPS,

  forward({ inputs: [input], output }) {
    eachPixel(output, (n, y, x) => {
      const [from, to] = [pixelAt(input!, n, y, x), pixelAt(output, n, y, x)]
      const { maximum, total } = exponentialsAt(input!, from)
      for (let c = 0; c < output.shape[3]; c++)
        output.values[to + c] = Math.exp(input!.values[from + c]! - maximum) / total
    })
  },

  // p (g - sum of p g)
  backward({ output, outputGradient, inputGradients: [inputGradient] }) {
    if (!inputGradient) return
    eachPixel(output, (n, y, x) => {
      const [at, from] = [pixelAt(output, n, y, x), pixelAt(outputGradient, n, y, x)]
      const to = pixelAt(inputGradient, n, y, x)
      let sum = 0
      for (let c = 0; c < output.shape[3]; c++)
        sum += output.values[at + c]! * outputGradient.values[from + c]!
      for (let c = 0; c < output.shape[3]; c++)
        inputGradient.values[to + c]! += output.values[at + c]! * (outputGradient.values[from + c]! - sum)
    })
  },
}

/** The largest of a pixel's values, and the sum of e^(value - largest). */
export function exponentialsAt(
  { values, shape }: Grid,
  from: number,
): { readonly maximum: number; readonly total: number } {
  let maximum = -Infinity
  for (let c = 0; c < shape[3]; c++) maximum = Math.max(maximum, values[from + c]!)
  let total = 0
  for (let c = 0; c < shape[3]; c++) total += Math.exp(values[from + c]! - maximum)
  return { maximum, total }
}
