import { float, floats, node } from './graph.ts'
import type { LayerConverter } from './layer-converter.ts'

export const instanceNormConverter: LayerConverter<'instance-norm'> = ({
  name,
  options,
  input,
  output,
  parameters,
}) => {
  const tensors = ['scale', 'shift'].map((end) => {
    const values = parameters[end]!
    return floats(`${name}/${end}`, [values.length], values)
  })
  const reads = [input, ...tensors.map((tensor) => tensor.name!)]
  return {
    nodes: [node('InstanceNormalization', reads, output, [float('epsilon', options.epsilon)])],
    tensors,
  }
}
