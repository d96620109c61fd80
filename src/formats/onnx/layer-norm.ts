import { float, floats, integer, node, transpose } from './graph.ts'
import type { LayerConverter } from './layer-converter.ts'

export const layerNormConverter: LayerConverter<'layer-norm'> = ({
  name,
  options,
  input,
  inputShape,
  output,
  parameters,
}) => {
  const tensors = ['scale', 'shift'].map((end) => {
    const values = parameters[end]!
    return floats(`${name}/${end}`, [values.length], values)
  })
  const normalized = (from: string, to: string) =>
    node('LayerNormalization', [from, ...tensors.map((tensor) => tensor.name!)], to, [
      integer('axis', -1),
      float('epsilon', options.epsilon),
    ])
  if (inputShape.length === 1) return { nodes: [normalized(input, output)], tensors }
  // LayerNormalization normalizes the last axes, so the channels of images are moved there and back.
  const [last, done] = [`${name}/nhwc`, `${name}/normalized`]
  return {
    nodes: [
      transpose(input, last, [0, 2, 3, 1]),
      normalized(last, done),
      transpose(done, output, [0, 3, 1, 2]),
    ],
    tensors,
  }
}
