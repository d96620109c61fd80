import { integers, node, transpose } from './graph.ts'
import type { LayerConverter } from './layer-converter.ts'

export const unflattenConverter: LayerConverter<'unflatten'> = ({
  name,
  options: { order },
  input,
  outputShape,
  output,
}) => {
  const [height, width, channels] = outputShape as readonly [number, number, number]
  const shape = `${name}/shape`
  // 0: the batch as it is
  const shapeOf = (...image: readonly number[]) => integers(shape, [0, ...image])
  if (order !== 'HWC')
    return {
      nodes: [node('Reshape', [input, shape], output)],
      tensors: [shapeOf(channels, height, width)],
    }
  const pixels = `${name}/pixels`
  return {
    nodes: [node('Reshape', [input, shape], pixels), transpose(pixels, output, [0, 3, 1, 2])],
    tensors: [shapeOf(height, width, channels)],
  }
}
