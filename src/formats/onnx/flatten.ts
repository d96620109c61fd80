import { integer, node } from './graph.ts'
import type { LayerConverter } from './layer-converter.ts'

export const flattenConverter: LayerConverter<'flatten'> = ({ input, output }) => ({
  nodes: [node('Flatten', [input], output, [integer('axis', 1)])],
})
