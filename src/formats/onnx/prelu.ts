import { floats, node } from './graph.ts'
import type { LayerConverter } from './layer-converter.ts'

export const preluConverter: LayerConverter<'prelu'> = ({ name, input, inputShape, output, parameters }) => {
  const slope = parameters.slope!
  // ONNX broadcasts it to (N, C, H, W) or (N, C).
  const shape = inputShape.length === 3 ? [slope.length, 1, 1] : [slope.length]
  return {
    nodes: [node('PRelu', [input, `${name}/slope`], output)],
    tensors: [floats(`${name}/slope`, shape, slope)],
  }
}
