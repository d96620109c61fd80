import { asImageShape } from '../../tensor.ts'
import { constantNode, floats, node, permuted } from './graph.ts'
import type { LayerConverter } from './layer-converter.ts'

export const scaleConverter: LayerConverter<'scale'> = ({
  name,
  options,
  input,
  inputShape,
  output,
  parameters,
}) => {
  const { per = 'channel' } = options
  const [height, width, channels] = asImageShape(inputShape)
  // ONNX broadcasts them to (N, C, H, W) or (N, C).
  const ofImages = {
    channel: [1, 1, channels],
    pixel: [height, width, 1],
    value: [height, width, channels],
  } as const
  const tensors = Object.entries(parameters).map(([end, values]) => {
    if (inputShape.length < 3) return floats(`${name}/${end}`, [values.length], values)
    const [rows, columns, each] = ofImages[per]
    const channelsFirst = permuted(values, [1, rows, columns, each], [0, 3, 1, 2])
    return floats(`${name}/${end}`, [each, rows, columns], channelsFirst)
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
