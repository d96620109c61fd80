import { requireImage } from './blocks.ts'
import { type NormOptions, normalizedSets, normRules } from './image-norm.ts'
import { type LayerDefinition, type LayerInputs, type LayerOf, makeLayer } from './layer.ts'

/** A layer that `instanceNorm` makes. */
export type InstanceNormLayer<Name extends string = string> = LayerOf<'instance-norm', Name, NormOptions>

/**
 * Instance normalization: scale * (x - mean) / sqrt(variance + epsilon) + shift, with the mean and the biased variance
 * of each channel of each image. Keeps the shape, (N, H, W, C); parameters scale and shift (C). Epsilon 1e-5 by
 * default. In engines a variance beyond float32 is NaN, and so are the outputs. Throws ShapeError if the input is no
 * image. Source: Ulyanov, Vedaldi & Lempitsky 2016.
 */
export function instanceNorm<const Name extends string>(
  name: Name,
  options: Partial<NormOptions> & LayerInputs = {},
): InstanceNormLayer<Name> {
  return makeLayer('instance-norm', name, options, normRules, { epsilon: 1e-5 })
}

export const instanceNormDefinition: LayerDefinition<NormOptions> = {
  rules: normRules,
  outputShape: (name, _options, [input]) => requireImage(name, input!),
  ...normalizedSets<NormOptions>((_options, [, , channels]) => ({
    count: channels,
    of: (_y, _x, c) => c,
  })),
}
