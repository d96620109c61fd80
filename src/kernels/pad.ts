import { ProgramBuilder } from '../codegen/program.ts'
import { type PadOptions, type PadStretch, padSides, padStretches } from '../layers/pad.ts'
import type { View } from '../plan/views.ts'
import { argument, bytes, evenSplit, onlyWay, type Part, runsOf, type TargetTraits } from './kernel.ts'
import { type Move, moveParts, reversed, writeMove } from './moves.ts'
import { eachVectorOfChannels, linesPerTask } from './rows.ts'

/** A rectangle of the output, whose pixels come from evenly spaced pixels of the image, or have the constant. */
interface Rectangle {
  readonly rows: PadStretch
  readonly columns: PadStretch
}

/** The rectangles of the output: the image itself first, then those around it. */
function rectanglesOf(options: PadOptions, image: View): Rectangle[] {
  const [, height, width] = image.shape
  const { top, bottom, left, right } = padSides(options)
  const vertical = padStretches(options.mode, height, top, bottom)
  const horizontal = padStretches(options.mode, width, left, right)
  return vertical.flatMap((rows) => horizontal.map((columns) => ({ rows, columns })))
}

const isConstant = ({ rows, columns }: Rectangle): boolean => rows.source === null || columns.source === null

/** The move from the image to a rectangle of the output, of `values` values of each pixel. */
function moveInto({ rows, columns }: Rectangle, image: View, padded: View, values: number): Move {
  return {
    counts: [rows.count, columns.count, values],
    from: {
      first: rows.source! * image.rowPitch + columns.source! * image.pixelPitch,
      steps: [rows.step * image.rowPitch, columns.step * image.pixelPitch, 1],
    },
    to: {
      first: rows.first * padded.rowPitch + columns.first * padded.pixelPitch,
      steps: [padded.rowPitch, padded.pixelPitch, 1],
    },
  }
}

export const padForward = onlyWay<'pad-forward'>(({ layer, reads, writes, options }, traits) => {
  const { output } = writes
  const rectangles = rectanglesOf(options, reads.input)
  const moves = rectangles
    .filter((rectangle) => !isConstant(rectangle))
    // Whole pixels, with the zeros in their padded channels
    .map((rectangle) => moveInto(rectangle, reads.input, output, output.pixelPitch))
  const constants = rectangles
    .filter(isConstant)
    .flatMap(({ rows, columns }) => fillParts(traits, layer, output, rows, columns, options.value ?? 0))
  const views = { from: reads.input, to: output }
  return { stages: [{ parts: [...moveParts(traits, layer, views, moves, { adds: false }), ...constants] }] }
})

/** Tasks that write a constant to a rectangle of pixels, and zeros to their padded channels. */
function fillParts(
  traits: TargetTraits,
  name: string,
  view: View,
  rows: PadStretch,
  columns: PadStretch,
  value: number,
): Part[] {
  const perTask = linesPerTask(view.shape[0], rows.count, columns.count * view.pixelPitch)
  return runsOf(evenSplit(rows.count, perTask)).map((run): Part => {
    const b = new ProgramBuilder(`${name} constant`, traits.lanes, ['to'])
    const to = b.parameter('to')
    const constant = b.splat(value)
    b.walk(run.size, [[to, bytes(view.rowPitch)]], () =>
      b.walk(columns.count, [[to, bytes(view.pixelPitch)]], () =>
        eachVectorOfChannels(b, view, [to], (offset, isChannel) =>
          b.store(to, offset, isChannel ? b.binary('and', constant, isChannel()) : constant),
        ),
      ),
    )
    const first = (rows.first + run.first) * view.rowPitch + columns.first * view.pixelPitch
    return {
      program: b.finish(),
      grid: [view.shape[0], run.count],
      arguments: { to: argument(view, first, [view.imagePitch, run.size * view.rowPitch]) },
    }
  })
}

/** How many vectors of channels a task of the gradient owns, if several outputs took the same value. */
const VECTORS_PER_TASK = 64

/**
 * Moves the gradient of the image's own pixels first, which is all of it for the mode constant; then adds the gradients of
 * reflections or repetitions. Several of these may be added to one value, so one task does all pixels of some channels.
 */
export const padBackward = onlyWay<'pad-backward'>(({ layer, reads, writes, options }, traits) => {
  const { outputGradient } = reads
  const { inputGradient } = writes
  const name = `${layer} gradient`
  const rectangles = rectanglesOf(options, inputGradient).filter((rectangle) => !isConstant(rectangle))
  const moves = (values: number) =>
    rectangles.map((rectangle) => reversed(moveInto(rectangle, inputGradient, outputGradient, values)))
  if (rectangles.length === 1) {
    const views = { from: outputGradient, to: inputGradient }
    return { stages: [{ parts: moveParts(traits, name, views, moves(inputGradient.pixelPitch), options) }] }
  }
  const parts = runsOf(evenSplit(inputGradient.pixelPitch / traits.lanes, VECTORS_PER_TASK)).map(
    (run): Part => {
      const b = new ProgramBuilder(name, traits.lanes, ['from', 'to'])
      const values = run.size * traits.lanes
      for (const [i, move] of moves(values).entries()) {
        const from = b.point(b.parameter('from'), bytes(move.from.first))
        const to = b.point(b.parameter('to'), bytes(move.to.first))
        writeMove(b, move, from, to, { adds: i > 0 || options.adds })
      }
      const place = (view: View) => argument(view, run.first * traits.lanes, [view.imagePitch, values])
      return {
        program: b.finish(),
        grid: [inputGradient.shape[0], run.count],
        arguments: { from: place(outputGradient), to: place(inputGradient) },
      }
    },
  )
  return { stages: [{ parts }] }
})
