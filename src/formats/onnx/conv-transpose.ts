import { convTransposeGeometry, type WindowGeometry } from '../../layers/index.ts'
import { dilatedKernel } from '../../plan/geometry.ts'
import { activated } from './activation.ts'
import { floats, integerList, node, permuted } from './graph.ts'
import type { LayerConverter } from './layer-converter.ts'
import { windowAttributes } from './window.ts'

/**
 * Pads and output padding are written in numbers, since `auto_pad` differs among versions of ONNX. An output padding as large
 * as the stride is allowed by ONNX if the dilation is larger, but refused by ONNX Runtime; so padding and output padding
 * that undo each other are left out of both.
 */
export const convTransposeConverter: LayerConverter<'conv-transpose'> = ({
  name,
  options,
  input,
  inputShape,
  output,
  parameters: { weights, biases },
}) => {
  const { filters } = options
  const channels = inputShape[2]!
  const geometry = convTransposeGeometry(name, options, inputShape)
  const { kernelHeight, kernelWidth } = geometry
  const channelsFirst = permuted(weights!, [kernelHeight, kernelWidth, filters, channels], [3, 2, 0, 1])
  const tensors = [
    floats(`${name}/weights`, [channels, filters, kernelHeight, kernelWidth], channelsFirst),
    ...(biases ? [floats(`${name}/biases`, [filters], biases)] : []),
  ]
  const reads = [input, ...tensors.map((tensor) => tensor.name!)]
  const [rows, columns] = beyondKernels(geometry)
  const pads = {
    top: geometry.top,
    left: geometry.left,
    bottom: Math.max(-rows, 0),
    right: Math.max(-columns, 0),
  }
  const added = [Math.max(rows, 0), Math.max(columns, 0)]
  const attributes = [
    ...windowAttributes(geometry, pads),
    ...(added.some((count) => count > 0) ? [integerList('output_padding', added)] : []),
  ]
  const made = activated(options, output, `${name}/sum`, (sum) =>
    node('ConvTranspose', reads, sum, attributes),
  )
  return { nodes: made.nodes, tensors: [...tensors, ...made.tensors] }
}

/**
 * How many rows and columns of the output come after the last that a kernel reaches. If negative, that many which kernels
 * reach are cut off.
 */
function beyondKernels(g: WindowGeometry): readonly [rows: number, columns: number] {
  const kernel = dilatedKernel(g)
  return [
    g.inputHeight + g.top - (g.outputHeight - 1) * g.strideHeight - kernel.height,
    g.inputWidth + g.left - (g.outputWidth - 1) * g.strideWidth - kernel.width,
  ]
}
