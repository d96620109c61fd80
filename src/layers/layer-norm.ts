import { ShapeError } from '../errors.ts'
import { type NormOptions, normalizedSets, normRules } from './image-norm.ts'
import { type LayerDefinition, type LayerInputs, type LayerOf, makeLayer } from './layer.ts'

/** A layer that `layerNorm` makes. */
export type LayerNormLayer<Name extends string = string> = LayerOf<'layer-norm', Name, NormOptions>

/**
 * Layer normalization over the channels of each pixel: scale * (x - mean) / sqrt(variance + epsilon) + shift, with the biased
 * variance. Keeps the shape, (N, H, W, C) or (N, C); parameters scale and shift (C). Epsilon 1e-5 by default. In engines a
 * variance beyond float32 is NaN, and so are the outputs. Throws ShapeError if the input has no channels. Source: Ba, Kiros &
 * Hinton 2016.
 */
export function layerNorm<const Name extends string>(
  name: Name,
  options: Partial<NormOptions> & LayerInputs = {},
): LayerNormLayer<Name> {
  return makeLayer('layer-norm', name, options, normRules, { epsilon: 1e-5 })
}

export const layerNormDefinition: LayerDefinition<NormOptions> = {
  rules: normRules,
  outputShape(name, _options, [input]) {
    if (input!.length === 0)
      throw new ShapeError(`${name}: its input is one number an image, and has no channels`)
    return input!
  },
  ...normalizedSets<NormOptions>((_options, [height, width]) => ({
    count: height * width,
    of: (y, x) => y * width + x,
  })),
}
