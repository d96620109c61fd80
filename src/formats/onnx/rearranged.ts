// Rearrangements for which ONNX has no operator: axes are split, put into another order and joined.
import { integers, node, type OnnxTensor, transpose } from './graph.ts'
import type { OnnxNodes } from './layer-converter.ts'

/**
 * A Reshape, a Transpose and a Reshape. `split` and `joined` leave out the batch, and so does `order`, which counts
 * from axis 1.
 */
export function rearranged(
  name: string,
  input: string,
  output: string,
  { split, order, joined }: Readonly<Record<'split' | 'order' | 'joined', readonly number[]>>,
): OnnxNodes {
  // For Reshape 0 is the input's own extent.
  const shape = (of: string, extents: readonly number[]): OnnxTensor =>
    integers(`${name}/${of}.shape`, [0, ...extents])
  return {
    nodes: [
      node('Reshape', [input, `${name}/split.shape`], `${name}/split`),
      transpose(`${name}/split`, `${name}/ordered`, [0, ...order]),
      node('Reshape', [`${name}/ordered`, `${name}/joined.shape`], output),
    ],
    tensors: [shape('split', split), shape('joined', joined)],
  }
}
