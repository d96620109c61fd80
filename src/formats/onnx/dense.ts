import { asImageShape, elementCount } from '../../tensor.ts'
import { activated } from './activation.ts'
import { floats, integer, node, permuted } from './graph.ts'
import type { LayerConverter } from './layer-converter.ts'

export const denseConverter: LayerConverter<'dense'> = ({
  name,
  options,
  input,
  inputShape,
  output,
  parameters: { weights, biases },
}) => {
  const { units } = options
  const flattened = inputShape.length === 1 ? input : `${name}/flattened`
  const flatten = node('Flatten', [input], flattened, [integer('axis', 1)])
  // Flattened it is in C, H, W order, but convmark's rows of weights are in H, W, C order.
  const rows = permuted(weights!, [...asImageShape(inputShape), units], [2, 0, 1, 3])
  const tensors = [
    floats(`${name}/weights`, [elementCount(inputShape), units], rows),
    ...(biases ? [floats(`${name}/biases`, [units], biases)] : []),
  ]
  const reads = [flattened, ...tensors.map((tensor) => tensor.name!)]
  const made = activated(options, output, `${name}/sum`, (sum) => node('Gemm', reads, sum))
  return {
    nodes: [...(flattened === input ? [] : [flatten]), ...made.nodes],
    tensors: [...tensors, ...made.tensors],
  }
}
