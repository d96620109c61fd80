import { integer, node, transpose } from './graph.ts'
import type { LayerConverter } from './layer-converter.ts'

export const flattenConverter: LayerConverter<'flatten'> = ({
  name,
  options: { order },
  input,
  inputShape,
  output,
}) => {
  if (order !== 'HWC' || inputShape.length < 3)
    return { nodes: [node('Flatten', [input], output, [integer('axis', 1)])] }
  const pixels = `${name}/pixels`
  return {
    nodes: [transpose(input, pixels, [0, 2, 3, 1]), node('Flatten', [pixels], output, [integer('axis', 1)])],
  }
}
