import { ProgramBuilder } from '../codegen/program.ts'
import type { GradientPhase } from '../plan/geometry.ts'
import type { StepOfKind } from '../plan/steps.ts'
import {
  type Argument,
  argument,
  bytes,
  type EqualPieces,
  evenSplit,
  type Part,
  runsOf,
  type TargetTraits,
} from './kernel.ts'

/** Filters of a cache line: each is read once, and the lines that they are written to stay in the first-level cache. */
const FILTERS_AT_ONCE = 16

/** The weights as [block][tap, flipped][filter][channel of the block]: their channels become the vector. */
export function flippedWeights(
  step: StepOfKind<'conv-input-gradient'>,
  traits: TargetTraits,
  blocks: readonly EqualPieces[],
  phase: GradientPhase,
  packed: (values: number, steps: readonly number[]) => Argument,
): Part[] {
  const { gradient, weights } = step.reads
  const { vertical, horizontal } = phase
  const filters = gradient.shape[3]
  const [, , , channels] = step.writes.inputGradient.shape
  const tap = channels * weights.pixelPitch
  const row = step.options.geometry.kernelWidth * tap
  const [firstRow = 0, secondRow = firstRow] = vertical.taps
  const [firstColumn = 0, secondColumn = firstColumn] = horizontal.taps
  const [rows, columns] = [vertical.taps.length, horizontal.taps.length]
  if (rows * columns === 0) return []

  return blocks.flatMap((block) =>
    Array.from({ length: block.count }, (_, index): Part => {
      const first = (block.first + index * block.size) * traits.lanes
      const width = block.size * traits.lanes
      const present = Math.min(width, channels - first)
      const b = new ProgramBuilder(`flip ${step.layer}`, traits.lanes, ['weights', 'packed'])
      const [from, to] = [b.parameter('weights'), b.parameter('packed')]
      if (present < width) {
        const zero = b.splat(0)
        b.walk(filters, [[to, bytes(width)]], () => {
          for (let v = 0; v < block.size; v++) b.store(to, v * b.vectorBytes, zero)
        })
      }
      for (const { size, count } of runsOf(evenSplit(filters, FILTERS_AT_ONCE))) {
        b.loop(count, () => {
          const overChannels = [
            [from, bytes(weights.pixelPitch)],
            [to, bytes(1)],
          ] as const
          b.walk(present, overChannels, () => {
            for (let f = 0; f < size; f++) b.storeLane(to, bytes(f * width), b.loadLane(from, bytes(f)))
          })
          b.advance(from, bytes(size))
          b.advance(to, bytes(size * width))
        })
      }
      return {
        program: b.finish(),
        grid: [rows, columns],
        arguments: {
          weights: argument(weights, firstRow * row + firstColumn * tap + first * weights.pixelPitch, [
            (secondRow - firstRow) * row,
            (secondColumn - firstColumn) * tap,
          ]),
          packed: packed(first * rows * columns * filters, [columns * filters * width, filters * width]),
        },
      }
    }),
  )
}
