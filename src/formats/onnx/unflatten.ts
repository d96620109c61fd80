import { integers, node } from './graph.ts'
import type { LayerConverter } from './layer-converter.ts'

export const unflattenConverter: LayerConverter<'unflatten'> = ({ name, input, outputShape, output }) => {
  const [height, width, channels] = outputShape as readonly [number, number, number]
  // 0: the batch as it is
  const shape = integers(`${name}/shape`, [0, channels, height, width])
  return { nodes: [node('Reshape', [input, `${name}/shape`], output)], tensors: [shape] }
}
