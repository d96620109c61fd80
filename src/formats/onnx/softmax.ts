import { CHANNEL_AXIS, integer, node } from './graph.ts'
import type { LayerConverter } from './layer-converter.ts'

export const softmaxConverter: LayerConverter<'softmax'> = ({ input, output }) => ({
  nodes: [node('Softmax', [input], output, [integer('axis', CHANNEL_AXIS)])],
})
