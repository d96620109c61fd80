// Depthwise convolutions with several filters for each channel. The sums are computed by vectors of filters, so forward
// and the weights gradient first repeat the channels in a task's scratch, and the input gradient last adds up the sums of
// each channel's filters there.
import type { Pointer, ProgramBuilder } from '../codegen/program.ts'
import type { WindowGeometry } from '../layers/index.ts'
import { dilatedKernel } from '../plan/geometry.ts'
import type { View } from '../plan/views.ts'
import type { Spread } from './depthwise.ts'
import { bytes } from './kernel.ts'

/** The program is written out for this many channels; more become a loop. */
const UNROLLED_CHANNELS = 8

/**
 * Calls `write` for each channel of a pixel, with its offset in both places, whose channels are `ofOne` and `ofOther` values
 * apart; the pointers are left where they were.
 */
function eachChannel(
  b: ProgramBuilder,
  channels: number,
  [one, ofOne]: readonly [Pointer, number],
  [other, ofOther]: readonly [Pointer, number],
  write: (offset: number, otherOffset: number) => void,
): void {
  const some = (count: number): void => {
    for (let c = 0; c < count; c++) write(bytes(c * ofOne), bytes(c * ofOther))
  }
  const rounds = Math.floor(channels / UNROLLED_CHANNELS)
  const moves = [
    [one, bytes(UNROLLED_CHANNELS * ofOne)],
    [other, bytes(UNROLLED_CHANNELS * ofOther)],
  ] as const
  b.loop(rounds, () => {
    some(UNROLLED_CHANNELS)
    for (const [pointer, step] of moves) b.advance(pointer, step)
  })
  some(channels - rounds * UNROLLED_CHANNELS)
  for (const [pointer, step] of moves) b.advance(pointer, -rounds * step)
}

/** Writes zeros to the padded channels of a pixel. */
function clearPadding(b: ProgramBuilder, to: Pointer, channels: number, pitch: number): void {
  const zero = b.splat(0)
  for (let c = channels; c < pitch; c++) b.storeLane(to, bytes(c), zero)
}

/**
 * Copies the input to scratch, each channel as often as it has filters. Also used for an input whose pixels are not whole
 * vectors, such as images. Null if the input can be read as it is.
 */
export function repeatedInput(g: WindowGeometry, input: View, output: View, lanes: number): Spread | null {
  const [channels, filters] = [input.shape[3], output.shape[3]]
  if (filters === channels && input.pixelPitch % lanes === 0) return null
  const multiplier = filters / channels
  const kernel = dilatedKernel(g)
  const { pixelPitch } = output
  const width = (g.outputWidth - 1) * g.strideWidth + kernel.width
  const height = (rows: number): number => (rows - 1) * g.strideHeight + kernel.height
  const rowPitch = width * pixelPitch
  return {
    side: 'input',
    rowPitch,
    pixelPitch,
    scratch: (rows) => height(rows) * rowPitch,
    write(b, { tensor, scratch }, rows) {
      const rowMoves = [
        [tensor, bytes(input.rowPitch)],
        [scratch, bytes(rowPitch)],
      ] as const
      const pixelMoves = [
        [tensor, bytes(input.pixelPitch)],
        [scratch, bytes(pixelPitch)],
      ] as const
      b.walk(height(rows), rowMoves, () =>
        b.walk(width, pixelMoves, () => {
          eachChannel(b, channels, [tensor, 1], [scratch, multiplier], (from, to) => {
            const value = b.loadLane(tensor, from)
            for (let i = 0; i < multiplier; i++) b.storeLane(scratch, to + bytes(i), value)
          })
          clearPadding(b, scratch, filters, pixelPitch)
        }),
      )
    },
  }
}

/**
 * The sums of each filter go to scratch, and from there the sum over a channel's filters to the gradient; null if each
 * channel has one filter.
 */
export function summedFilters(gradient: View, inputGradient: View): Spread | null {
  const [filters, channels] = [gradient.shape[3], inputGradient.shape[3]]
  if (filters === channels) return null
  const multiplier = filters / channels
  const { pixelPitch } = gradient
  const width = inputGradient.shape[2]
  const rowPitch = width * pixelPitch
  return {
    side: 'output',
    rowPitch,
    pixelPitch,
    scratch: (rows) => rows * rowPitch,
    write(b, { tensor, scratch }, rows) {
      const rowMoves = [
        [tensor, bytes(inputGradient.rowPitch)],
        [scratch, bytes(rowPitch)],
      ] as const
      const pixelMoves = [
        [tensor, bytes(inputGradient.pixelPitch)],
        [scratch, bytes(pixelPitch)],
      ] as const
      b.walk(rows, rowMoves, () =>
        b.walk(width, pixelMoves, () => {
          eachChannel(b, channels, [tensor, 1], [scratch, multiplier], (to, from) => {
            let sum = b.loadLane(scratch, from)
            for (let i = 1; i < multiplier; i++) sum = b.add(sum, b.loadLane(scratch, from + bytes(i)))
            b.storeLane(tensor, to, sum)
          })
          clearPadding(b, tensor, channels, inputGradient.pixelPitch)
        }),
      )
    },
  }
}
