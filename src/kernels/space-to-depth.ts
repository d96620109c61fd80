import { blockMoves } from './block-moves.ts'
import { onlyWay } from './kernel.ts'
import { everyValue, reversed } from './moves.ts'

export const spaceToDepthForward = onlyWay<'space-to-depth-forward'>(
  ({ layer, reads, writes, options }, traits) => {
    const views = { from: reads.input, to: writes.output }
    const moves = blockMoves(options, views.to, views.from).map(reversed)
    return { stages: [everyValue(traits, layer, views, moves)] }
  },
)

export const spaceToDepthBackward = onlyWay<'space-to-depth-backward'>(
  ({ layer, reads, writes, options }, traits) => {
    const views = { from: reads.outputGradient, to: writes.inputGradient }
    const moves = blockMoves(options, views.from, views.to)
    return { stages: [everyValue(traits, `${layer} gradient`, views, moves, options)] }
  },
)
