// The operand B of a weights gradient's tile: the gradient's pixels, packed by blocks of filters.
import { type Pointer, ProgramBuilder } from '../codegen/program.ts'
import type { StepOfKind } from '../plan/steps.ts'
import { copyPixels } from './copy.ts'
import {
  type Argument,
  argument,
  bytes,
  type EqualPieces,
  type Part,
  privateArgument,
  type TargetTraits,
  threadArgument,
} from './kernel.ts'

type WeightsGradient = StepOfKind<'conv-weights-gradient'>

/** What a task's program needs of it: pointers, and how they move, in bytes. */
export interface FilterRows {
  /** Where the tile reads the first block. */
  readonly b: Pointer
  /** The pointers that move from image to image and from row to row. */
  readonly moving: { readonly pointer: Pointer; readonly image: number; readonly row: number }
  /** Bytes from one block to the next, if `rows` rows are summed. */
  blockStep(rows: number): number
  /** Copies that many rows to where the tile reads; does nothing if they are there already. */
  take(rows: number, blocks: number): void
}

export interface FilterOperand {
  /** The program parameters that it needs. */
  readonly parameters: readonly string[]
  /** Values in the private buffer, and in a thread's scratch. */
  readonly packedLength: number
  readonly threadScratch: number
  /** The tasks that pack, before the products. */
  packs(traits: TargetTraits): Part[]
  /**
   * The arguments of tasks over some images, from a row of pixels on, and some blocks: grid (group, kernel rows,
   * pieces, blocks).
   */
  at(
    images: EqualPieces,
    firstPixelRow: number,
    block: EqualPieces,
    blocks: EqualPieces,
    lanes: number,
  ): Record<string, Argument>
  open(b: ProgramBuilder, block: EqualPieces): FilterRows
}

/**
 * Everything packed before the products, as [block][image][pixel][filter of the block], in this private buffer of the
 * kernel.
 */
export function packedBefore(
  { layer, reads: { gradient } }: WeightsGradient,
  blocks: readonly EqualPieces[],
  privateBuffer: number,
): FilterOperand {
  const [images, height, width] = gradient.shape
  const pixels = height * width
  return {
    parameters: ['packed'],
    packedLength: images * pixels * gradient.pixelPitch,
    threadScratch: 0,
    packs: (traits) =>
      blocks.map((block): Part => {
        const blockWidth = block.size * traits.lanes
        const b = new ProgramBuilder(`pack ${layer} gradient`, traits.lanes, ['gradient', 'packed'])
        const [from, to] = [b.parameter('gradient'), b.parameter('packed')]
        b.walk(
          block.count,
          [
            [from, bytes(blockWidth)],
            [to, bytes(images * pixels * blockWidth)],
          ],
          () => {
            b.walk(height, [[from, bytes(gradient.rowPitch)]], () => {
              copyPixels(b, from, to, width, gradient.pixelPitch, block.size)
            })
            b.advance(to, -bytes(pixels * blockWidth))
          },
        )
        const first = block.first * traits.lanes
        return {
          program: b.finish(),
          grid: [images],
          arguments: {
            gradient: argument(gradient, first, [gradient.imagePitch]),
            packed: privateArgument(privateBuffer, first * images * pixels, [pixels * blockWidth]),
          },
        }
      }),
    at: (group, firstPixelRow, block, own, lanes) => {
      const blockWidth = block.size * lanes
      const [image, all] = [pixels * blockWidth, images * pixels * blockWidth]
      const first = block.first * lanes * images * pixels + own.first * all
      return {
        packed: privateArgument(
          privateBuffer,
          first + group.first * image + firstPixelRow * width * blockWidth,
          [group.size * image, 0, 0, own.size * all],
        ),
      }
    },
    open: (b, block) => {
      const blockWidth = block.size * b.lanes
      const pointer = b.parameter('packed')
      return {
        b: pointer,
        moving: { pointer, image: bytes(pixels * blockWidth), row: bytes(width * blockWidth) },
        blockStep: () => bytes(images * pixels * blockWidth),
        take: () => {},
      }
    },
  }
}

/**
 * Some rows of an image at a time, packed as [block][pixel][filter of the block] in the thread's scratch. If only one
 * task reads an image's gradient, memory is then read once and not written.
 */
export function packedByTasks({ reads: { gradient } }: WeightsGradient, rowsAtOnce: number): FilterOperand {
  const width = gradient.shape[2]
  return {
    parameters: ['gradient', 'packed'],
    packedLength: 0,
    threadScratch: rowsAtOnce * width * gradient.pixelPitch,
    packs: () => [],
    at: (group, firstPixelRow, block, own, lanes) => {
      const firstFilter = block.first * lanes + own.first * block.size * lanes
      const first = group.first * gradient.imagePitch + firstPixelRow * gradient.rowPitch
      return {
        gradient: argument(gradient, firstFilter + first, [group.size * gradient.imagePitch]),
        packed: threadArgument,
      }
    },
    open: (b, block) => {
      const blockWidth = block.size * b.lanes
      const [from, to] = [b.parameter('gradient'), b.parameter('packed')]
      const row = bytes(width * blockWidth)
      return {
        b: to,
        moving: { pointer: from, image: bytes(gradient.imagePitch), row: bytes(gradient.rowPitch) },
        blockStep: (rows) => rows * row,
        take: (rows, blocks) => {
          const overBlocks = [
            [from, bytes(blockWidth)],
            [to, rows * row],
          ] as const
          b.walk(blocks, overBlocks, () => {
            b.walk(rows, [[from, bytes(gradient.rowPitch)]], () => {
              copyPixels(b, from, to, width, gradient.pixelPitch, block.size)
            })
            b.advance(to, -rows * row)
          })
        },
      }
    },
  }
}
