import type { WindowGeometry } from '../../layers/index.ts'
import { convolutionHalo } from '../../plan/geometry.ts'
import type { Halo } from '../../plan/views.ts'
import { integerList, type OnnxAttribute } from './graph.ts'

/**
 * Attributes of a Conv or a pooling. The pads are exactly what the windows reach, so that there are as many windows as
 * in the layer. This avoids `auto_pad` and `ceil_mode`, which versions of ONNX and its runtimes interpret differently.
 * Rows and columns of padding that no window reaches are left out, since runtimes refuse a pooling whose padding is as
 * large as its kernel.
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
