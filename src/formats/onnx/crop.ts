import { cropSteps } from '../../layers/crop.ts'
import { integers, node } from './graph.ts'
import type { LayerConverter } from './layer-converter.ts'

const ROWS_AND_COLUMNS = [2, 3]

export const cropConverter: LayerConverter<'crop'> = ({ name, options, inputShape, input, output }) => {
  const { top, left, height, width } = options
  const steps = cropSteps(options)
  const firsts = [top, left]
  const ends = [height, width].map((count, i) => {
    const end = firsts[i]! + count * steps[i]!
    // ONNX counts a negative end from the end of the axis; as far below 0 as this, it is before the first.
    return end < 0 ? -inputShape[i]! - 1 : end
  })
  // In the order in which Slice reads them.
  const tensors = [
    integers(`${name}/starts`, firsts),
    integers(`${name}/ends`, ends),
    integers(`${name}/axes`, ROWS_AND_COLUMNS),
    integers(`${name}/steps`, steps),
  ]
  return { nodes: [node('Slice', [input, ...tensors.map((tensor) => tensor.name!)], output)], tensors }
}
