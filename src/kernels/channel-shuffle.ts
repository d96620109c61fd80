import type { View } from '../plan/views.ts'
import { onlyWay } from './kernel.ts'
import { everyValue, type Move, reversed } from './moves.ts'

function movesOf({ groups }: { readonly groups: number }, input: View, output: View): Move[] {
  const [, height, width, channels] = input.shape
  const perGroup = channels / groups
  return [
    {
      counts: [height, width, groups, perGroup],
      from: { first: 0, steps: [input.rowPitch, input.pixelPitch, perGroup, 1] },
      to: { first: 0, steps: [output.rowPitch, output.pixelPitch, 1, groups] },
    },
  ]
}

export const channelShuffleForward = onlyWay<'channel-shuffle-forward'>(
  ({ layer, reads, writes, options }, traits) => {
    const views = { from: reads.input, to: writes.output }
    return { stages: [everyValue(traits, layer, views, movesOf(options, reads.input, writes.output))] }
  },
)

export const channelShuffleBackward = onlyWay<'channel-shuffle-backward'>(
  ({ layer, reads, writes, options }, traits) => {
    const views = { from: reads.outputGradient, to: writes.inputGradient }
    const moves = movesOf(options, writes.inputGradient, reads.outputGradient).map(reversed)
    return { stages: [everyValue(traits, `${layer} gradient`, views, moves, options)] }
  },
)
