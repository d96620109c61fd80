import { ShapeError } from '../errors.ts'
import { formatShape } from '../tensor.ts'
import { type BlockOptions, blockRules, deepChannel, requireImage } from './blocks.ts'
import { type LayerDefinition, type LayerInputs, type LayerOf, makeLayer } from './layer.ts'
import { movedValues } from './moved.ts'

/** A layer that `depthToSpace` makes. */
export type DepthToSpaceLayer<Name extends string = string> = LayerOf<'depth-to-space', Name, BlockOptions>

/**
 * Each pixel becomes a block of b x b pixels, which share out its channels. (N, H, W, C) -> (N, H * b, W * b, C / b²).
 * Mode DCR by default. Throws ShapeError if b² does not divide the channels. Source: ONNX, DepthToSpace; Shi et al. 2016.
 */
export function depthToSpace<const Name extends string>(
  name: Name,
  options: Pick<BlockOptions, 'blockSize'> & Partial<BlockOptions> & LayerInputs,
): DepthToSpaceLayer<Name> {
  return makeLayer('depth-to-space', name, options, blockRules, { mode: 'DCR' })
}

export const depthToSpaceDefinition: LayerDefinition<BlockOptions> = {
  rules: blockRules,

  outputShape(name, { blockSize }, [input]) {
    const [height, width, channels] = requireImage(name, input!)
    if (channels % blockSize ** 2 !== 0) {
      throw new ShapeError(
        `${name}: for blocks of ${blockSize} x ${blockSize}, ${blockSize ** 2} must divide the ${channels} channels of its ` +
          `input ${formatShape(input!)}`,
      )
    }
    return [height * blockSize, width * blockSize, channels / blockSize ** 2]
  },

  ...movedValues<BlockOptions>((options, [, , deep]) => {
    const { blockSize } = options
    const channels = deep / blockSize ** 2
    return (y, x, c) => ({
      y: Math.floor(y / blockSize),
      x: Math.floor(x / blockSize),
      c: deepChannel(options, channels, y % blockSize, x % blockSize, c),
    })
  }),
}
