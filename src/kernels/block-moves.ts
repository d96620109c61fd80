// Moves between the channels of one pixel and a block of pixels: what depth-to-space and space-to-depth share.
import type { BlockOptions } from '../layers/blocks.ts'
import type { View } from '../plan/views.ts'
import type { Move } from './moves.ts'

/** The moves from `deep`, the tensor with more channels, to `wide`, the one with more pixels; `reversed` gives the way back. */
export function blockMoves({ blockSize, mode }: BlockOptions, deep: View, wide: View): Move[] {
  const [, height, width] = deep.shape
  const channels = wide.shape[3]
  const [row, column, channel] =
    mode === 'DCR' ? [blockSize * channels, channels, 1] : [blockSize, 1, blockSize ** 2]
  return [
    {
      counts: [height, blockSize, width, blockSize, channels],
      from: { first: 0, steps: [deep.rowPitch, row, deep.pixelPitch, column, channel] },
      to: {
        first: 0,
        steps: [blockSize * wide.rowPitch, wide.rowPitch, blockSize * wide.pixelPitch, wide.pixelPitch, 1],
      },
    },
  ]
}
