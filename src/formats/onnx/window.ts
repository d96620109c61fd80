import type { WindowGeometry } from '../../layers/index.ts'
import { convolutionHalo } from '../../plan/geometry.ts'
import type { Halo } from '../../plan/views.ts'
import { integerList, type OnnxAttribute } from './graph.ts'

/**
 * Of a Conv or a pooling. The pads are just what the windows reach, so that as many windows fit as the layer has. This does
 * without `auto_pad` and without `ceil_mode`, which versions of ONNX and its runtimes understand differently. Rows and columns
 * of padding that no window reaches are left out: runtimes refuse a pooling's padding that is as large as its kernel.
 */
export function windowAttributes(
  geometry: WindowGeometry,
  pads: Halo = convolutionHalo(geometry),
): readonly OnnxAttribute[] {
  const { kernelHeight, kernelWidth, strideHeight, strideWidth, dilationHeight, dilationWidth } = geometry
  const isDilated = dilationHeight > 1 || dilationWidth > 1
  return [
    integerList('kernel_shape', [kernelHeight, kernelWidth]),
    integerList('strides', [strideHeight, strideWidth]),
    integerList('pads', [pads.top, pads.left, pads.bottom, pads.right]),
    ...(isDilated ? [integerList('dilations', [dilationHeight, dilationWidth])] : []),
  ]
}
