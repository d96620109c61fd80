import { type ConcatAxis, concatExtent } from '../layers/concat.ts'
import type { View } from '../plan/views.ts'
import { channelParts, copyChannels } from './channels.ts'
import { onlyWay, type Part, type TargetTraits } from './kernel.ts'
import { type Move, moveParts, reversed } from './moves.ts'
import { rowParts } from './rows.ts'

/** Tensors that are copied in one pass: a target has few registers for pointers. */
const INPUTS_AT_ONCE = 6

/** An input, and how much of the axis is before it. */
interface Piece {
  readonly name: string
  readonly view: View
  readonly begin: number
}

/** Each pixel's channels, input after input. */
function channelPieces(
  traits: TargetTraits,
  layer: string,
  inputs: readonly Piece[],
  output: View,
): readonly Part[] {
  const groups = Array.from({ length: Math.ceil(inputs.length / INPUTS_AT_ONCE) }, (_, i) =>
    inputs.slice(i * INPUTS_AT_ONCE, (i + 1) * INPUTS_AT_ONCE),
  )
  return groups.flatMap((group) => {
    const views = Object.fromEntries(group.map(({ name, view }) => [name, view]))
    const isLast = group === groups.at(-1)
    return rowParts(traits, layer, { ...views, output }, (b, row) => {
      const pieces = group.map(({ name, view, begin }) => ({
        from: row[name]!,
        pitch: view.pixelPitch,
        fromBegin: 0,
        toBegin: begin,
        channels: view.shape[3],
      }))
      copyChannels(b, output, row.output!, pieces, { clears: isLast ? 'padding' : 'nothing', adds: false })
    })
  })
}

/** The move of an input's whole pixels, with the zeros in their padded channels, to their place in the output. */
function moveOf(axis: Exclude<ConcatAxis, 'channels'>, begin: number, part: View, output: View): Move {
  const [, height, width] = part.shape
  const { pixelPitch } = output
  const rows = {
    rows: { first: begin * output.rowPitch, pitch: output.rowPitch },
    columns: { first: begin * pixelPitch, pitch: output.rowPitch },
    pixels: { first: begin * pixelPitch, pitch: width * pixelPitch },
  }[axis]
  return {
    counts: [height, width, pixelPitch],
    from: { first: 0, steps: [part.rowPitch, part.pixelPitch, 1] },
    to: { first: rows.first, steps: [rows.pitch, pixelPitch, 1] },
  }
}

export const concatForward = onlyWay<'concat-forward'>(({ layer, reads, writes, options }, traits) => {
  const { axis = 'channels' } = options
  const { output } = writes
  let end = 0
  const inputs = Object.entries<View>(reads).map(([name, view]): Piece => {
    const begin = end
    end += concatExtent(axis, view.shape)
    return { name, view, begin }
  })
  const parts =
    axis === 'channels'
      ? channelPieces(traits, layer, inputs, output)
      : inputs.flatMap(({ view, begin }) => {
          const move = moveOf(axis, begin, view, output)
          return moveParts(traits, layer, { from: view, to: output }, [move], { adds: false })
        })
  return { stages: [{ parts }] }
})

/** The gradient of one input: its part of the output's gradient. */
export const concatBackward = onlyWay<'concat-backward'>(({ layer, reads, writes, options }, traits) => {
  const { begin, axis = 'channels' } = options
  const name = `${layer} gradient`
  const views = { from: reads.outputGradient, to: writes.inputGradient }
  const parts =
    axis === 'channels'
      ? channelParts(traits, name, { ...views, fromBegin: begin }, { clears: 'padding', adds: options.adds })
      : moveParts(traits, name, views, [reversed(moveOf(axis, begin, views.to, views.from))], options)
  return { stages: [{ parts }] }
})
