import { positiveInteger, type Rules } from '../check-options.ts'
import { ShapeError } from '../errors.ts'
import { asImageShape, formatShape } from '../tensor.ts'
import { type VectorOptions, vectorRules } from './flatten.ts'
import { type LayerDefinition, type LayerInputs, type LayerOf, makeLayer } from './layer.ts'
import { movedValues } from './moved.ts'

/** The options of `unflatten`. */
export interface UnflattenOptions extends VectorOptions {
  /** The image's. */
  readonly height: number
  readonly width: number
}

/** A layer that `unflatten` makes. */
export type UnflattenLayer<Name extends string = string> = LayerOf<'unflatten', Name, UnflattenOptions>

/**
 * A vector as an image, which it has channel by channel, and each channel row by row, or pixel by pixel (`order`): it
 * undoes flatten. (N, C * height * width) -> (N, height, width, C). Throws ShapeError if the input is no vector or
 * image of one pixel, or height * width does not divide it. Source: PyTorch, Unflatten.
 */
export function unflatten<const Name extends string>(
  name: Name,
  options: UnflattenOptions & LayerInputs,
): UnflattenLayer<Name> {
  return makeLayer('unflatten', name, options, rules)
}

const rules: Rules<UnflattenOptions> = {
  height: positiveInteger,
  width: positiveInteger,
  ...vectorRules,
}

export const unflattenDefinition: LayerDefinition<UnflattenOptions> = {
  rules,

  outputShape(name, { height, width }, [input]) {
    const [inputHeight, inputWidth, count] = asImageShape(input!)
    const channels = count / (height * width)
    if (inputHeight * inputWidth !== 1)
      throw new ShapeError(`${name}: its input is ${formatShape(input!)}; it makes images of vectors, (C)`)
    if (!Number.isInteger(channels))
      throw new ShapeError(
        `${name}: its input ${formatShape(input!)} is no image of ${height} x ${width} pixels; they must divide ${count}`,
      )
    return [height, width, channels]
  },

  ...movedValues<UnflattenOptions>(({ height, width, order }, [, , count]) => {
    const channels = count / (height * width)
    return (y, x, c) => ({
      y: 0,
      x: 0,
      c: order === 'HWC' ? (y * width + x) * channels + c : (c * height + y) * width + x,
    })
  }),
}
