import { constantNode, floats, node } from './graph.ts'
import type { LayerConverter } from './layer-converter.ts'

export const scaleConverter: LayerConverter<'scale'> = ({
  name,
  options,
  input,
  inputShape,
  output,
  parameters,
}) => {
  // ONNX broadcasts them to (N, C, H, W) or (N, C).
  const tensors = Object.entries(parameters).map(([end, values]) => {
    const shape = inputShape.length === 3 ? [values.length, 1, 1] : [values.length]
    return floats(`${name}/${end}`, shape, values)
  })
  const isTrained = options.trained !== false
  const constants = isTrained ? [] : tensors.map(constantNode)
  const initializers = isTrained ? tensors : []
  const multiplied = (value: string) => node('Mul', [input, `${name}/scale`], value)
  if (!parameters.shift) return { nodes: [...constants, multiplied(output)], tensors: initializers }
  const scaled = `${name}/scaled`
  const added = node('Add', [scaled, `${name}/shift`], output)
  return { nodes: [...constants, multiplied(scaled), added], tensors: initializers }
}
