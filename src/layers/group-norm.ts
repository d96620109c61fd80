import { positiveInteger, type Rules } from '../check-options.ts'
import { dividedIntoGroups } from './groups.ts'
import { type NormOptions, normalizedSets, normRules } from './image-norm.ts'
import { type LayerDefinition, type LayerInputs, type LayerOf, makeLayer } from './layer.ts'

/** The options of `groupNorm`. */
export interface GroupNormOptions extends NormOptions {
  /** The number of groups of consecutive channels; it must divide the channels. */
  readonly groups: number
}

/** A layer that `groupNorm` makes. */
export type GroupNormLayer<Name extends string = string> = LayerOf<'group-norm', Name, GroupNormOptions>

/**
 * Group normalization: scale * (x - mean) / sqrt(variance + epsilon) + shift, with the mean and the biased variance of
 * each group of channels over all pixels of an image. Keeps the shape, (N, H, W, C) or (N, C); parameters scale and
 * shift (C). Epsilon 1e-5 by default. In engines a variance beyond float32 is NaN, and so are the outputs. Throws
 * ShapeError if the groups don't divide the channels. Source: Wu & He 2018.
 */
export function groupNorm<const Name extends string>(
  name: Name,
  options: Pick<GroupNormOptions, 'groups'> & Partial<GroupNormOptions> & LayerInputs,
): GroupNormLayer<Name> {
  return makeLayer('group-norm', name, options, rules, { epsilon: 1e-5 })
}

const rules: Rules<GroupNormOptions> = { ...normRules, groups: positiveInteger }

export const groupNormDefinition: LayerDefinition<GroupNormOptions> = {
  rules,
  outputShape: (name, { groups }, [input]) => dividedIntoGroups(name, groups, input!),
  ...normalizedSets<GroupNormOptions>(({ groups }, [, , channels]) => ({
    count: groups,
    of: (_y, _x, c) => Math.floor((c * groups) / channels),
  })),
}
