import { reachOf } from '../../layers/lrn.ts'
import { elementCount } from '../../tensor.ts'
import { float, integer, integers, node } from './graph.ts'
import type { LayerConverter } from './layer-converter.ts'

export const lrnConverter: LayerConverter<'lrn'> = ({ name, options, input, inputShape, output }) => {
  const { bias, alpha, beta } = options
  const { below, above } = reachOf(options)
  const size = below + 1 + above
  const attributes = [
    integer('size', size),
    float('bias', bias),
    // ONNX divides it by the window, convmark does not.
    float('alpha', alpha * size),
    float('beta', beta),
  ]
  if (inputShape.length === 3) return { nodes: [node('LRN', [input], output, attributes)] }
  // LRN is defined only for images.
  const [image, normalized] = [`${name}/image`, `${name}/normalized`]
  const [imageShape, outputShape] = [`${image}.shape`, `${normalized}.shape`]
  return {
    nodes: [
      node('Reshape', [input, imageShape], image),
      node('LRN', [image], normalized, attributes),
      node('Reshape', [normalized, outputShape], output),
    ],
    // 0 keeps the batch as it is.
    tensors: [
      integers(imageShape, [0, elementCount(inputShape), 1, 1]),
      integers(outputShape, [0, ...inputShape]),
    ],
  }
}
