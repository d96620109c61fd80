import { ShapeError } from '../errors.ts'
import { formatShape } from '../tensor.ts'
import { type BlockOptions, blockRules, requireImage } from './blocks.ts'
import { type LayerDefinition, type LayerInputs, type LayerOf, makeLayer } from './layer.ts'
import { movedValues } from './moved.ts'

/** A layer that `spaceToDepth` makes. */
export type SpaceToDepthLayer<Name extends string = string> = LayerOf<'space-to-depth', Name, BlockOptions>

/**
 * Each block of b x b pixels becomes one pixel with all their channels: the inverse of `depthToSpace` with the same options.
 * (N, H, W, C) -> (N, H / b, W / b, C * b²). Mode DCR by default, the only one that ONNX has. Throws ShapeError if the blocks
 * don't divide the image. Source: ONNX, SpaceToDepth.
 */
export function spaceToDepth<const Name extends string>(
  name: Name,
  options: Pick<BlockOptions, 'blockSize'> & Partial<BlockOptions> & LayerInputs,
): SpaceToDepthLayer<Name> {
  return makeLayer('space-to-depth', name, options, blockRules, { mode: 'DCR' })
}

export const spaceToDepthDefinition: LayerDefinition<BlockOptions> = {
  rules: blockRules,

  outputShape(name, { blockSize }, [input]) {
    const [height, width, channels] = requireImage(name, input!)
    if (height % blockSize !== 0 || width % blockSize !== 0) {
      throw new ShapeError(
        `${name}: blocks of ${blockSize} x ${blockSize} do not divide its input ${formatShape(input!)}; pad it before`,
      )
    }
    return [height / blockSize, width / blockSize, channels * blockSize ** 2]
  },

  ...movedValues<BlockOptions>(({ blockSize, mode }, [, , channels]) => (y, x, deep) => {
    const [pixel, c] =
      mode === 'DCR'
        ? [Math.floor(deep / channels), deep % channels]
        : [deep % blockSize ** 2, Math.floor(deep / blockSize ** 2)]
    return { y: y * blockSize + Math.floor(pixel / blockSize), x: x * blockSize + (pixel % blockSize), c }
  }),
}
