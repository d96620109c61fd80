import { float, floats, integers, node } from './graph.ts'
import type { LayerConverter } from './layer-converter.ts'

/** Opset 17 has no GroupNormalization: each group becomes a channel, which an InstanceNormalization normalizes. */
export const groupNormConverter: LayerConverter<'group-norm'> = ({
  name,
  options: { groups, epsilon },
  input,
  inputShape,
  output,
  parameters: { scale, shift },
}) => {
  const channels = inputShape.at(-1)!
  const image = inputShape.slice(0, -1)
  const perChannel = [channels, ...image.map(() => 1)]
  const of = (part: string) => `${name}/${part}`
  return {
    nodes: [
      node('Reshape', [input, of('groups.shape')], of('groups')),
      node('InstanceNormalization', [of('groups'), of('ones'), of('zeros')], of('normalized'), [
        float('epsilon', epsilon),
      ]),
      node('Reshape', [of('normalized'), of('channels.shape')], of('channels')),
      node('Mul', [of('channels'), of('scale')], of('scaled')),
      node('Add', [of('scaled'), of('shift')], output),
    ],
    tensors: [
      // For Reshape 0 is the input's own extent, and -1 is what is left.
      integers(of('groups.shape'), [0, groups, -1]),
      floats(of('ones'), [groups], new Float32Array(groups).fill(1)),
      floats(of('zeros'), [groups], new Float32Array(groups)),
      integers(of('channels.shape'), [0, channels, ...image]),
      floats(of('scale'), perChannel, scale!),
      floats(of('shift'), perChannel, shift!),
    ],
  }
}
