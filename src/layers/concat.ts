import { ShapeError } from '../errors.ts'
import { eachPixel, formatShape, pixelAt, sameShape } from '../tensor.ts'
import { type LayerDefinition, type LayerOf, makeLayer, NO_FLOPS } from './layer.ts'

export type ConcatOptions = Readonly<Record<never, never>>
export type ConcatLayer<Name extends string = string> = LayerOf<'concat', Name, ConcatOptions>

/**
 * Concatenates tensors of the same height and width along the channels. (N, H, W, C1), (N, H, W, C2) ... -> (N, H, W,
 * C1 + C2 + ...), or (N, C1) and so on. Source: Szegedy et al. 2014, 'Going Deeper with Convolutions'.
 */
export function concat<const Name extends string>(
  name: Name,
  options: { readonly inputs: readonly string[] },
): ConcatLayer<Name> {
  return makeLayer<'concat', Name, ConcatOptions>('concat', name, options, {})
}

export const concatDefinition: LayerDefinition<ConcatOptions> = {
  rules: {},
  inputCount: { atLeast: 1 },

  outputShape(name, _options, inputs) {
    const [first, ...others] = inputs
    if (first!.length === 0)
      throw new ShapeError(`${name}: one number an image has no channels to concatenate`)
    for (const other of others) {
      if (other.length > 0 && sameShape(first!.slice(0, -1), other.slice(0, -1))) continue
      throw new ShapeError(
        `${name}: ${formatShape(first!)} and ${formatShape(other)} can't be concatenated along channels; ` +
          'height and width must be the same',
      )
    }
    const channels = inputs.reduce((total, shape) => total + shape.at(-1)!, 0)
    return [...first!.slice(0, -1), channels]
  },

  parameters: () => ({}),
  flops: () => NO_FLOPS,

  forward({ inputs, output }) {
    eachPixel(output, (n, y, x) => {
      let to = pixelAt(output, n, y, x)
      for (const input of inputs) {
        const from = pixelAt(input, n, y, x)
        for (let c = 0; c < input.shape[3]; c++) output.values[to++] = input.values[from + c]!
      }
    })
  },

  backward({ inputs, outputGradient, inputGradients }) {
    eachPixel(outputGradient, (n, y, x) => {
      let from = pixelAt(outputGradient, n, y, x)
      for (const [i, input] of inputs.entries()) {
        const gradient = inputGradients[i]
        const channels = input.shape[3]
        if (gradient) {
          const to = pixelAt(gradient, n, y, x)
          for (let c = 0; c < channels; c++) gradient.values[to + c]! += outputGradient.values[from + c]!
        }
        from += channels
      }
    })
  },
}
