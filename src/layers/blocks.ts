// What depth-to-space and space-to-depth share: the order in which the channels of a block's pixels become those of one
// pixel of the deep tensor, the one with more channels.
import { oneOf, positiveInteger, type Rules } from '../check-options.ts'
import { ShapeError } from '../errors.ts'
import { formatShape, type Shape } from '../tensor.ts'

export const BLOCK_ORDERS = ['DCR', 'CRD'] as const

/** The options of `depthToSpace` and `spaceToDepth`. */
export interface BlockOptions {
  /** Rows and columns of a block. */
  readonly blockSize: number
  /**
   * The order of the deep channels. `DCR`: by row and column in the block, then by channel, as TensorFlow and ONNX have it by
   * default. `CRD`: by channel, then by row and column, as in PyTorch's pixel shuffle.
   */
  readonly mode: (typeof BLOCK_ORDERS)[number]
}

export const blockRules: Rules<BlockOptions> = { blockSize: positiveInteger, mode: oneOf(BLOCK_ORDERS) }

/** The deep channel that holds channel c of the block's pixel (row, column); each pixel of the block has `channels`. */
export function deepChannel(
  { blockSize, mode }: BlockOptions,
  channels: number,
  row: number,
  column: number,
  c: number,
): number {
  const pixel = row * blockSize + column
  return mode === 'DCR' ? pixel * channels + c : c * blockSize ** 2 + pixel
}

/** The shape as (H, W, C). Throws ShapeError, naming the layer, if it is no image. */
export function requireImage(name: string, input: Shape): readonly [number, number, number] {
  if (input.length === 3) return input as unknown as readonly [number, number, number]
  throw new ShapeError(`${name}: its input is ${formatShape(input)}; it needs images, (H, W, C)`)
}
