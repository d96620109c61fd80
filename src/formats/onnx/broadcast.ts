// What add, subtract, multiply, divide, maximum and minimum share: their inputs get as many axes as the output has, and
// ONNX broadcasts them.
import type { Activated, BroadcastKind, LayerKind } from '../../layers/index.ts'
import { activated } from './activation.ts'
import { integers, node, type OnnxNode, type OnnxTensor } from './graph.ts'
import type { LayerConverter, OnnxLayer } from './layer-converter.ts'

/**
 * The inputs, with axes of 1 appended if the output has more axes: (N, C) becomes (N, C, 1, 1). Without them ONNX would
 * align C with the last axis of the images, W.
 */
export function broadcastInputs({
  name,
  inputs,
  inputShapes,
  outputShape,
}: Pick<OnnxLayer<LayerKind>, 'name' | 'inputs' | 'inputShapes' | 'outputShape'>): {
  readonly values: readonly string[]
  readonly nodes: readonly OnnxNode[]
  readonly tensors: readonly OnnxTensor[]
} {
  const unsqueezed = inputs.map((input, i) => {
    const axes = inputShapes[i]!.length
    const missing = Array.from({ length: outputShape.length - axes }, (_, axis) => 1 + axes + axis)
    if (missing.length === 0) return { value: input, nodes: [], tensors: [] }
    const value = `${name}/input${i}`
    return {
      value,
      nodes: [node('Unsqueeze', [input, `${value}.axes`], value)],
      tensors: [integers(`${value}.axes`, missing)],
    }
  })
  return {
    values: unsqueezed.map(({ value }) => value),
    nodes: unsqueezed.flatMap(({ nodes }) => nodes),
    tensors: unsqueezed.flatMap(({ tensors }) => tensors),
  }
}

/** A layer that one node of this operator computes. */
export const broadcastConverter =
  <Kind extends BroadcastKind>(operator: string): LayerConverter<Kind> =>
  (layer) => {
    const { name, options, output } = layer
    const { values, nodes, tensors } = broadcastInputs(layer)
    const made = activated(options as Activated, output, `${name}/combined`, (to) =>
      node(operator, values, to),
    )
    return { nodes: [...nodes, ...made.nodes], tensors: [...tensors, ...made.tensors] }
  }
