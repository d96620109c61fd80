import { activated } from './activation.ts'
import { float, floats, node } from './graph.ts'
import type { LayerConverter } from './layer-converter.ts'

/** In the order in which BatchNormalization reads them. */
const PARAMETERS = ['scale', 'shift', 'mean', 'variance']

export const batchNormConverter: LayerConverter<'batch-norm'> = ({
  name,
  options,
  input,
  output,
  parameters,
}) => {
  const tensors = PARAMETERS.map((end) => {
    const values = parameters[end]!
    return floats(`${name}/${end}`, [values.length], values)
  })
  const reads = [input, ...tensors.map((tensor) => tensor.name!)]
  const made = activated(options, output, `${name}/normalized`, (normalized) =>
    node('BatchNormalization', reads, normalized, [float('epsilon', options.epsilon)]),
  )
  return { nodes: made.nodes, tensors: [...tensors, ...made.tensors] }
}
