import { asImageShape } from '../../tensor.ts'
import { integer, node } from './graph.ts'
import type { LayerConverter } from './layer-converter.ts'
import { rearranged } from './rearranged.ts'

export const spaceToDepthConverter: LayerConverter<'space-to-depth'> = ({
  name,
  options: { blockSize: b, mode },
  input,
  inputShape,
  output,
}) => {
  if (mode === 'DCR') return { nodes: [node('SpaceToDepth', [input], output, [integer('blocksize', b)])] }
  // ONNX's operator has only the order DCR.
  const [height, width, channels] = asImageShape(inputShape)
  return rearranged(name, input, output, {
    split: [channels, height / b, b, width / b, b],
    order: [1, 3, 5, 2, 4],
    joined: [channels * b * b, height / b, width / b],
  })
}
