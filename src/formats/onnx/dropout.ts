import { node } from './graph.ts'
import type { LayerConverter } from './layer-converter.ts'

// Off in forward, but it becomes a node, so that the tensor has its name; runtimes remove it.
export const dropoutConverter: LayerConverter<'dropout'> = ({ input, output }) => ({
  nodes: [node('Identity', [input], output)],
})
