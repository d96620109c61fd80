import { windowGeometry } from '../../layers/index.ts'
import { activated } from './activation.ts'
import { floats, integer, node, permuted } from './graph.ts'
import type { LayerConverter } from './layer-converter.ts'
import { windowAttributes } from './window.ts'

export const convConverter: LayerConverter<'conv'> = ({
  name,
  options,
  input,
  inputShape: [height, width, channels],
  output,
  parameters: { weights, biases },
}) => {
  const { filters, groups = 1 } = options
  const groupChannels = channels! / groups
  const geometry = windowGeometry(name, options, height!, width!)
  const { kernelHeight, kernelWidth } = geometry
  const filtersFirst = permuted(weights!, [kernelHeight, kernelWidth, groupChannels, filters], [3, 2, 0, 1])
  const tensors = [
    floats(`${name}/weights`, [filters, groupChannels, kernelHeight, kernelWidth], filtersFirst),
    ...(biases ? [floats(`${name}/biases`, [filters], biases)] : []),
  ]
  const reads = [input, ...tensors.map((tensor) => tensor.name!)]
  const attributes = [...windowAttributes(geometry), ...(groups > 1 ? [integer('group', groups)] : [])]
  const made = activated(options, output, `${name}/sum`, (sum) => node('Conv', reads, sum, attributes))
  return { nodes: made.nodes, tensors: [...tensors, ...made.tensors] }
}
