import { ProgramBuilder } from '../../codegen/program.ts'
import type { View } from '../../plan/views.ts'
import {
  type Argument,
  argument,
  type Part,
  type PrivateBuffer,
  privateArgument,
  type TargetTraits,
} from '../kernel.ts'
import { type BlockedInput, blockedInput } from './blocks.ts'
import type { StrideOne } from './stride-one.ts'

/**
 * What tiles are read from: the tensor itself, or a copy rewritten so that its stride is 1 and its channels are whole
 * vectors.
 */
export interface TileSource {
  readonly view: View
  readonly axes: StrideOne
  readonly blocks: BlockedInput | null
  readonly channels: number
  /** Pitches of what tiles are read from, in values. */
  readonly row: number
  readonly pixel: number
  /** From the first value to where the first tile begins; negative if there is padding. */
  readonly corner: number
}

export function tileSource(view: View, axes: StrideOne, traits: TargetTraits): TileSource {
  const blocks = blockedInput(view, axes, traits)
  const channels = blocks?.channels ?? view.pixelPitch
  const row = blocks?.row ?? view.rowPitch
  const corner = -axes.vertical.before * row - axes.horizontal.before * channels
  return { view, axes, blocks, channels, row, pixel: channels, corner }
}

/** A source that is prepared in memory for some images at a time. */
export interface StagedSource {
  readonly image: number
  readonly buffers: readonly PrivateBuffer[]
  /** The tasks that prepare these images; none if there is nothing to do. */
  pack(firstImage: number, images: number): Part[]
  /** An argument that points to `values` values after the first of those images. */
  at(firstImage: number, values: number, steps: readonly number[]): Argument
}

export function stagedSource(
  traits: TargetTraits,
  source: TileSource,
  mostImages: number,
  privateBuffer: number,
): StagedSource {
  const { view, blocks, axes } = source
  if (!blocks) {
    return {
      image: view.imagePitch,
      buffers: [],
      pack: () => [],
      at: (firstImage, values, steps) => argument(view, firstImage * view.imagePitch + values, steps),
    }
  }
  const image = axes.vertical.input * blocks.row
  return {
    image,
    buffers: [{ name: `${view.tensor} blocks`, length: mostImages * image, lifetime: 'step' }],
    pack: (firstImage, images) =>
      blocks.rows.map((rows): Part => {
        const b = new ProgramBuilder(`blocks of ${view.tensor}`, traits.lanes, ['input', 'blocks'])
        blocks.write(b, b.parameter('input'), b.parameter('blocks'), { ...rows, count: 1 })
        return {
          program: b.finish(),
          grid: [images, rows.count],
          arguments: {
            input: argument(view, firstImage * view.imagePitch + rows.first * blocks.inputRow, [
              view.imagePitch,
              blocks.inputRow,
            ]),
            blocks: privateArgument(privateBuffer, rows.first * blocks.row, [image, blocks.row]),
          },
        }
      }),
    at: (_firstImage, values, steps) => privateArgument(privateBuffer, values, steps),
  }
}
