import { ProgramBuilder } from '../../codegen/program.ts'
import type { WindowGeometry } from '../../layers/index.ts'
import type { View } from '../../plan/views.ts'
import {
  type Argument,
  argument,
  bytes,
  type EqualPieces,
  evenSplit,
  type Part,
  runsOf,
  type TargetTraits,
  threadArgument,
} from '../kernel.ts'
import type { WeightsLayout } from './layout.ts'
import type { TileSource } from './source.ts'
import { columnsOf, type TiledAxis } from './tiling.ts'
import { writeTransform } from './transform.ts'

/** Taps of a kernel that are not zero, along one axis, counted from the kernel's first tap. */
export interface Taps {
  readonly skip: number
  readonly taps: number
}

/** Channels whose weights are laid out alike. */
export interface WeightsPhase {
  readonly firstChannel: number
  readonly channels: number
  /** Where the first tap of the first channel lies, in values. */
  readonly at: number
  readonly vertical: Taps
  readonly horizontal: Taps
}

/** Weights as they are in memory, with filters contiguous. Distances in values. */
export interface PlainWeights {
  readonly name: string
  /** Together they cover all channels, including those without weights. */
  readonly phases: readonly WeightsPhase[]
  readonly tapRow: number
  readonly tapColumn: number
  readonly channel: number
  argument(values: number, steps: readonly number[]): Argument
}

/** Channels that have no weights. */
export const noWeights = (firstChannel: number, channels: number): WeightsPhase => ({
  firstChannel,
  channels,
  at: 0,
  vertical: { skip: 0, taps: 0 },
  horizontal: { skip: 0, taps: 0 },
})

const CHANNELS_PER_TASK = 64

/** Tasks for the prologue that transform the weights. */
export function weightsParts(
  traits: TargetTraits,
  weights: PlainWeights,
  axes: { readonly vertical: TiledAxis; readonly horizontal: TiledAxis },
  blocks: readonly EqualPieces[],
  layout: WeightsLayout,
  to: (values: number, steps: readonly number[]) => Argument,
): Part[] {
  const { points } = axes.vertical
  const channels = weights.phases.reduce((sum, phase) => sum + phase.channels, 0)
  const parts: Part[] = []
  for (const phase of weights.phases) {
    for (const block of blocks) {
      for (const run of runsOf(evenSplit(phase.channels, CHANNELS_PER_TASK))) {
        const width = block.size * traits.lanes
        const names = ['weights', 'transformed', 'scratch']
        const b = new ProgramBuilder(`transform ${weights.name}`, traits.lanes, names)
        const [from, transformed, scratch] = names.map((name) => b.parameter(name)) as [never, never, never]
        const overChannels = [
          [from, bytes(weights.channel)],
          [transformed, bytes(width)],
        ] as const
        const overVectors = [
          [from, b.vectorBytes],
          [transformed, b.vectorBytes],
        ] as const
        b.walk(run.size, overChannels, () => {
          b.walk(block.size, overVectors, () =>
            writeTransform(b, {
              vertical: columnsOf(axes.vertical.forward.filter, phase.vertical.skip, phase.vertical.taps),
              horizontal: columnsOf(
                axes.horizontal.forward.filter,
                phase.horizontal.skip,
                phase.horizontal.taps,
              ),
              source: { pointer: from, row: bytes(weights.tapRow), column: bytes(weights.tapColumn) },
              sink: { pointer: transformed, row: bytes(points * layout.point), column: bytes(layout.point) },
              scratch,
            }),
          )
        })
        const firstFilter = block.first * traits.lanes
        parts.push({
          program: b.finish(),
          grid: [block.count, run.count],
          arguments: {
            weights: weights.argument(phase.at + run.first * weights.channel + firstFilter, [
              width,
              run.size * weights.channel,
            ]),
            transformed: to(firstFilter * channels + (phase.firstChannel + run.first) * width, [
              width * channels,
              run.size * width,
            ]),
            scratch: threadArgument,
          },
        })
      }
    }
  }
  return parts
}

/** The weights (or their gradient) of a convolution over an input whose blocks are channels. */
export function blockedWeights(
  name: string,
  { kernelWidth }: WindowGeometry,
  { view: input, axes: { vertical, horizontal }, channels: allChannels }: TileSource,
  weights: View,
): PlainWeights {
  const channels = input.shape[3]
  const channel = weights.pixelPitch
  const column = channels * channel
  const row = kernelWidth * column
  const phases: WeightsPhase[] = []
  for (const [y, rows] of vertical.taps.entries()) {
    for (const [x, columns] of horizontal.taps.entries()) {
      const firstChannel = (y * horizontal.block + x) * input.pixelPitch
      const at = rows.first * row + columns.first * column
      phases.push({ firstChannel, channels, at, vertical: rows, horizontal: columns })
      phases.push(noWeights(firstChannel + channels, input.pixelPitch - channels))
    }
  }
  const used = vertical.block * horizontal.block * input.pixelPitch
  phases.push(noWeights(used, allChannels - used))
  return {
    name,
    phases: phases.filter((phase) => phase.channels > 0),
    tapRow: vertical.block * row,
    tapColumn: horizontal.block * column,
    channel,
    argument: (values, steps) => argument(weights, values, steps),
  }
}
