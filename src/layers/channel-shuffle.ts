import { positiveInteger, type Rules } from '../check-options.ts'
import { dividedIntoGroups } from './groups.ts'
import { type LayerDefinition, type LayerInputs, type LayerOf, makeLayer } from './layer.ts'
import { movedValues } from './moved.ts'

/** The options of `channelShuffle`. */
export interface ChannelShuffleOptions {
  /** The number of groups of consecutive channels; the output takes one channel of each group in turn. */
  readonly groups: number
}

/** A layer that `channelShuffle` makes. */
export type ChannelShuffleLayer<Name extends string = string> = LayerOf<
  'channel-shuffle',
  Name,
  ChannelShuffleOptions
>

/**
 * Mixes groups of channels: the first channel of each group, then the second of each, and so on. Keeps the shape, (N, H, W, C) or
 * (N, C). Throws ShapeError if the groups don't divide the channels. Source: Zhang et al. 2017, 'ShuffleNet'.
 */
export function channelShuffle<const Name extends string>(
  name: Name,
  options: ChannelShuffleOptions & LayerInputs,
): ChannelShuffleLayer<Name> {
  return makeLayer('channel-shuffle', name, options, rules)
}

const rules: Rules<ChannelShuffleOptions> = { groups: positiveInteger }

export const channelShuffleDefinition: LayerDefinition<ChannelShuffleOptions> = {
  rules,

  outputShape: (name, { groups }, [input]) => dividedIntoGroups(name, groups, input!),

  ...movedValues<ChannelShuffleOptions>(({ groups }, [, , channels]) => (y, x, c) => ({
    y,
    x,
    c: (c % groups) * (channels / groups) + Math.floor(c / groups),
  })),
}
