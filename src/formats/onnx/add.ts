import { activated } from './activation.ts'
import { broadcastInputs } from './broadcast.ts'
import { node } from './graph.ts'
import type { LayerConverter } from './layer-converter.ts'

export const addConverter: LayerConverter<'add'> = (layer) => {
  const { name, options, output } = layer
  const { values, nodes, tensors } = broadcastInputs(layer)
  // Sum takes two inputs as well, but runtimes can fuse only Add with the convolution before it.
  const op = values.length === 2 ? 'Add' : 'Sum'
  const made = activated(options, output, `${name}/sum`, (sum) => node(op, values, sum))
  return { nodes: [...nodes, ...made.nodes], tensors: [...tensors, ...made.tensors] }
}
