import { CHANNEL_AXIS, integer, node } from './graph.ts'
import type { LayerConverter } from './layer-converter.ts'

export const concatConverter: LayerConverter<'concat'> = ({ inputs, output }) => ({
  nodes: [node('Concat', inputs, output, [integer('axis', CHANNEL_AXIS)])],
})
