import { type Pointer, ProgramBuilder } from '../../codegen/program.ts'
import type { View } from '../../plan/views.ts'
import { roundUp } from '../../tensor.ts'
import { copyValues } from '../copy.ts'
import { type Argument, argument, bytes, type Part, type TargetTraits } from '../kernel.ts'
import type { StrideOne, StrideOneAxis } from './stride-one.ts'

/** An input whose blocks of stride x stride pixels are read as channels: [image][block row][block][row, pixel, channel]. */
export interface BlockedInput {
  readonly channels: number
  readonly image: number
  readonly row: number
  readonly length: number
  /** Tasks that make it. */
  parts(traits: TargetTraits, to: (values: number, steps: readonly number[]) => Argument): Part[]
}

/** Whether an input must be rewritten so that the stride is 1 and the channels are whole vectors. */
export const needsBlocks = (
  { vertical, horizontal }: StrideOne,
  { pixelPitch }: View,
  traits: TargetTraits,
): boolean => vertical.block > 1 || horizontal.block > 1 || pixelPitch % traits.lanes !== 0

/** Blocks along an axis: those that are whole, and a last one that the image's end cuts. */
const blockRuns = ({ input, block }: StrideOneAxis, extent: number): { count: number; present: number }[] => {
  const inLast = extent - (input - 1) * block
  const whole = { count: inLast === block ? input : input - 1, present: block }
  return [whole, { count: input - whole.count, present: inLast }].filter(({ count }) => count > 0)
}

export function blockedInput(input: View, { vertical, horizontal }: StrideOne, lanes: number): BlockedInput {
  const [images, height, width] = input.shape
  const rowOfBlock = horizontal.block * input.pixelPitch
  const used = vertical.block * rowOfBlock
  const channels = roundUp(used, lanes)
  const row = horizontal.input * channels
  const image = vertical.input * row
  return {
    channels,
    image,
    row,
    length: images * image,
    parts: (traits, to) => {
      let first = 0
      return blockRuns(vertical, height).flatMap((rows): Part[] => {
        const b = new ProgramBuilder(`blocks of ${input.tensor}`, traits.lanes, ['input', 'blocks'])
        const [from, blocks] = [b.parameter('input'), b.parameter('blocks')]
        let left = horizontal.input
        for (const run of blockRuns(horizontal, width)) {
          // What a whole vector reads or writes too much must lie in blocks that follow: so the last few are exact.
          left -= run.count
          const exact = Math.min(run.count, Math.max(0, Math.ceil(lanes / rowOfBlock) + 1 - left))
          for (const [count, how] of [
            [run.count - exact, 'by vectors'],
            [exact, 'exactly'],
          ] as const) {
            b.loop(count, () => {
              writeBlock(b, from, blocks, input, {
                rows: rows.present,
                values: run.present * input.pixelPitch,
                rowOfBlock,
                how,
                channels,
              })
              b.advance(from, bytes(rowOfBlock))
              b.advance(blocks, bytes(channels))
            })
          }
        }
        const at = first
        first += rows.count
        return [
          {
            program: b.finish(),
            grid: [images, rows.count],
            arguments: {
              input: argument(input, at * vertical.block * input.rowPitch, [
                input.imagePitch,
                vertical.block * input.rowPitch,
              ]),
              blocks: to(at * row, [image, row]),
            },
          },
        ]
      })
    },
  }
}

function writeBlock(
  b: ProgramBuilder,
  from: Pointer,
  to: Pointer,
  input: View,
  block: {
    readonly rows: number
    readonly values: number
    readonly rowOfBlock: number
    readonly channels: number
    readonly how: 'exactly' | 'by vectors'
  },
): void {
  const { rows, values, rowOfBlock, channels, how } = block
  for (let y = 0; y < rows; y++) {
    copyValues(b, from, to, values, how)
    b.advance(from, bytes(input.rowPitch))
    b.advance(to, bytes(rowOfBlock))
    // Behind an image's last pixel
    writeZeroLanes(b, to, values - rowOfBlock, 0)
  }
  writeZeroLanes(b, to, 0, channels - rows * rowOfBlock)
  b.advance(from, -bytes(rows * input.rowPitch))
  b.advance(to, -bytes(rows * rowOfBlock))
}

function writeZeroLanes(b: ProgramBuilder, to: Pointer, first: number, end: number): void {
  const zero = b.splat(0)
  for (let i = first; i < end; i++) b.storeLane(to, bytes(i), zero)
}
