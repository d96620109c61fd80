import { CHANNEL_AXIS, integers, node } from './graph.ts'
import type { LayerConverter } from './layer-converter.ts'

export const sliceConverter: LayerConverter<'slice'> = ({ name, options: { begin, end }, input, output }) => {
  // In the order in which Slice reads them.
  const tensors = [
    integers(`${name}/starts`, [begin]),
    integers(`${name}/ends`, [end]),
    integers(`${name}/axes`, [CHANNEL_AXIS]),
  ]
  return { nodes: [node('Slice', [input, ...tensors.map((tensor) => tensor.name!)], output)], tensors }
}
