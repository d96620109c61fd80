import type { Pointer, ProgramBuilder } from '../../codegen/program.ts'
import type { View } from '../../plan/views.ts'
import { roundUp } from '../../tensor.ts'
import { copyValues } from '../copy.ts'
import { bytes, type TargetTraits } from '../kernel.ts'
import type { StrideOne, StrideOneAxis } from './stride-one.ts'

/** Consecutive rows of blocks; the last one of an image may have only some of its pixel rows. */
export interface BlockRows {
  readonly first: number
  readonly count: number
  readonly present: number
}

/** An input whose blocks of stride x stride pixels are treated as channels: [block row][block][row, pixel, channel]. */
export interface BlockedInput {
  readonly channels: number
  /** Pitch of block rows, in values. */
  readonly row: number
  /** An image's block rows. */
  readonly rows: readonly BlockRows[]
  /** Values of the input from a block row to the next. */
  readonly inputRow: number
  /** Copies block rows; leaves both pointers after them. */
  write(b: ProgramBuilder, from: Pointer, to: Pointer, rows: BlockRows): void
}

/** Whether an input must be rewritten so that its stride is 1 and its channels are whole vectors. */
const needsBlocks = (
  { vertical, horizontal }: StrideOne,
  { pixelPitch }: View,
  { lanes }: TargetTraits,
): boolean => vertical.block > 1 || horizontal.block > 1 || pixelPitch % lanes !== 0

/** Blocks along an axis: the whole ones, and a last one that is cut off at the image's end. */
function blockRuns({ input, block }: StrideOneAxis, extent: number): BlockRows[] {
  const inLast = extent - (input - 1) * block
  const whole = inLast === block ? input : input - 1
  return [
    { first: 0, count: whole, present: block },
    { first: whole, count: input - whole, present: inLast },
  ].filter(({ count }) => count > 0)
}

/** Null if the input can be read as it is. */
export function blockedInput(input: View, axes: StrideOne, traits: TargetTraits): BlockedInput | null {
  if (!needsBlocks(axes, input, traits)) return null
  const { vertical, horizontal } = axes
  const { lanes } = traits
  const [, height, width] = input.shape
  const rowOfBlock = horizontal.block * input.pixelPitch
  const channels = roundUp(vertical.block * rowOfBlock, lanes)
  const inputRow = vertical.block * input.rowPitch
  return {
    channels,
    row: horizontal.input * channels,
    rows: blockRuns(vertical, height),
    inputRow,
    write(b, from, to, { count, present }) {
      b.loop(count, () => {
        let left = horizontal.input
        for (const run of blockRuns(horizontal, width)) {
          // What a whole vector reads or writes beyond its values must lie in later blocks, so the last few are copied
          // exactly.
          left -= run.count
          const exact = Math.min(run.count, Math.max(0, Math.ceil(lanes / rowOfBlock) + 1 - left))
          for (const [blocks, how] of [
            [run.count - exact, 'by vectors'],
            [exact, 'exactly'],
          ] as const) {
            const values = run.present * input.pixelPitch
            b.loop(blocks, () => {
              writeBlock(b, from, to, input, { rows: present, values, rowOfBlock, how, channels })
              b.advance(from, bytes(rowOfBlock))
              b.advance(to, bytes(channels))
            })
          }
        }
        b.advance(from, bytes(inputRow - horizontal.input * rowOfBlock))
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
    // After an image's last pixel
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
