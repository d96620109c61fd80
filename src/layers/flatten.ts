import { oneOf, optional, type Rules } from '../check-options.ts'
import { asImageShape, elementCount } from '../tensor.ts'
import { type LayerDefinition, type LayerInputs, type LayerOf, makeLayer } from './layer.ts'
import { movedValues, type Place } from './moved.ts'

/** Which of an image's axes goes slowest in its vector: channel by channel, or pixel by pixel. */
export type ValueOrder = 'CHW' | 'HWC'

/** Of flatten and unflatten. */
export interface VectorOptions {
  /**
   * The order of an image's values in its vector. `CHW`, by default: channel by channel, and each channel row by row,
   * as in ONNX and PyTorch. `HWC`: row by row, and each pixel's channels together, as in TensorFlow.
   */
  readonly order?: ValueOrder
}

export const vectorRules: Rules<VectorOptions> = { order: optional(oneOf(['CHW', 'HWC'])) }

/** The place, in an image of this shape, of a value of its vector. */
export function placeInImage(
  { order }: VectorOptions,
  [height, width, channels]: readonly [height: number, width: number, channels: number],
  at: number,
): Place {
  const pixels = height * width
  const [pixel, c] =
    order === 'HWC' ? [Math.floor(at / channels), at % channels] : [at % pixels, Math.floor(at / pixels)]
  return { y: Math.floor(pixel / width), x: pixel % width, c }
}

/** The options of `flatten`. */
export type FlattenOptions = VectorOptions

/** A layer that `flatten` makes. */
export type FlattenLayer<Name extends string = string> = LayerOf<'flatten', Name, FlattenOptions>

/**
 * An image's values as one vector: channel by channel, and each channel row by row, or pixel by pixel (`order`). (N, H, W, C) ->
 * (N, C * H * W). A dense layer needs no flatten: it flattens its input itself, in the order H, W, C. Source: ONNX, Flatten.
 */
export function flatten<const Name extends string>(
  name: Name,
  options: FlattenOptions & LayerInputs = {},
): FlattenLayer<Name> {
  return makeLayer('flatten', name, options, vectorRules)
}

export const flattenDefinition: LayerDefinition<FlattenOptions> = {
  rules: vectorRules,
  outputShape: (_name, _options, [input]) => [elementCount(asImageShape(input!))],

  ...movedValues<FlattenOptions>((options, image) => (_y, _x, at) => placeInImage(options, image, at)),
}
