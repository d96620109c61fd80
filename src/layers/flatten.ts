import { asImageShape, elementCount } from '../tensor.ts'
import { type LayerDefinition, type LayerInputs, type LayerOf, makeLayer } from './layer.ts'
import { movedValues } from './moved.ts'

export type FlattenOptions = Readonly<Record<never, never>>
export type FlattenLayer<Name extends string = string> = LayerOf<'flatten', Name, FlattenOptions>

/**
 * An image's values as one vector: channel by channel, and each channel row by row, as in ONNX and PyTorch. (N, H, W, C) ->
 * (N, C * H * W). A dense layer needs no flatten: it flattens its input itself, in the order H, W, C. Source: ONNX, Flatten.
 */
export function flatten<const Name extends string>(
  name: Name,
  options: LayerInputs = {},
): FlattenLayer<Name> {
  return makeLayer('flatten', name, options, {})
}

export const flattenDefinition: LayerDefinition<FlattenOptions> = {
  rules: {},
  outputShape: (_name, _options, [input]) => [elementCount(asImageShape(input!))],

  ...movedValues<FlattenOptions>((_options, [height, width]) => (_y, _x, at) => ({
    c: Math.floor(at / (height * width)),
    y: Math.floor(at / width) % height,
    x: at % width,
  })),
}
