import type { LayerConverter } from './layer-converter.ts'
import { rearranged } from './rearranged.ts'

export const channelShuffleConverter: LayerConverter<'channel-shuffle'> = ({
  name,
  options: { groups },
  input,
  inputShape,
  output,
}) => {
  const channels = inputShape.at(-1)!
  const image = inputShape.slice(0, -1)
  return rearranged(name, input, output, {
    split: [groups, channels / groups, ...image],
    order: [2, 1, ...image.map((_, i) => i + 3)],
    joined: [channels, ...image],
  })
}
