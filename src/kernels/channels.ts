// Copies some channels of a pixel to other channels of another tensor; neither need begin at a whole vector.
import type { Pointer, ProgramBuilder } from '../codegen/program.ts'
import type { View } from '../plan/views.ts'
import { bytes, type Part, type TargetTraits } from './kernel.ts'
import { eachVector, rowParts, storeGradient } from './rows.ts'

interface Piece {
  readonly from: Pointer
  /** Of the source tensor, in values. */
  readonly pitch: number
  /** The first channel in the source, and in the destination. */
  readonly fromBegin: number
  readonly toBegin: number
  readonly channels: number
}

interface CopyOptions {
  /** What is set to zero besides: the padded channels after the last one, or the rest of the pixel. Nothing if it adds. */
  readonly clears: 'padding' | 'pixel' | 'nothing'
  readonly adds: boolean
}

/** Tasks that copy some channels of one tensor into another. */
export function channelParts(
  traits: TargetTraits,
  name: string,
  {
    from,
    to,
    fromBegin = 0,
    toBegin = 0,
  }: {
    readonly from: View
    readonly to: View
    readonly fromBegin?: number
    readonly toBegin?: number
  },
  options: CopyOptions,
): Part[] {
  const channels = Math.min(from.shape[3], to.shape[3])
  return rowParts(traits, name, { from, to }, (b, row) => {
    const piece = { from: row.from!, pitch: from.pixelPitch, fromBegin, toBegin, channels }
    copyChannels(b, to, row.to!, [piece], options)
  })
}

/** Goes over a row of pixels; afterwards the pointers are where they were before. */
export function copyChannels(
  b: ProgramBuilder,
  view: View,
  to: Pointer,
  pieces: readonly Piece[],
  { clears, adds }: CopyOptions,
): void {
  const [, , width, channels] = view.shape
  const vectors = view.pixelPitch / b.lanes
  const moves = [
    ...pieces.map(({ from, pitch }) => [from, bytes(pitch)] as const),
    [to, bytes(view.pixelPitch)] as const,
  ]
  b.walk(width, moves, () => {
    if (!adds && clears === 'pixel') {
      const zero = b.splat(0)
      for (let v = 0; v < vectors; v++) b.store(to, v * b.vectorBytes, zero)
    }
    for (const piece of pieces) copyPiece(b, to, piece, adds)
    // Value by value: another task may write the other channels of the same vector.
    if (!adds && clears === 'padding') {
      const zero = b.splat(0)
      for (let c = channels; c < view.pixelPitch; c++) b.storeLane(to, bytes(c), zero)
    }
  })
}

function copyPiece(
  b: ProgramBuilder,
  to: Pointer,
  { from, fromBegin, toBegin, channels }: Piece,
  adds: boolean,
): void {
  const [fromOffset, toOffset] = [bytes(fromBegin), bytes(toBegin)]
  const whole = Math.floor(channels / b.lanes)
  eachVector(b, whole, [from, to], (offset) => {
    storeGradient(b, to, toOffset + offset, b.load(from, fromOffset + offset), { adds })
  })
  // Another whole vector would reach into the channels of other pieces or tasks, or beyond the tensor.
  for (let c = whole * b.lanes; c < channels; c++) {
    const value = b.loadLane(from, fromOffset + bytes(c))
    const at = toOffset + bytes(c)
    b.storeLane(to, at, adds ? b.add(b.loadLane(to, at), value) : value)
  }
}
