import { activated } from './activation.ts'
import { node } from './graph.ts'
import type { LayerConverter } from './layer-converter.ts'

export const addConverter: LayerConverter<'add'> = ({ name, options, inputs, output }) => ({
  // Sum takes two as well, but Add is what runtimes know how to join with the convolution before it.
  nodes: activated(options, output, `${name}/sum`, (sum) =>
    node(inputs.length === 2 ? 'Add' : 'Sum', inputs, sum),
  ),
})
