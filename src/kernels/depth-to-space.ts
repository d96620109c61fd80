import { blockMoves } from './block-moves.ts'
import { onlyWay } from './kernel.ts'
import { everyValue, reversed } from './moves.ts'

export const depthToSpaceForward = onlyWay<'depth-to-space-forward'>(
  ({ layer, reads, writes, options }, traits) => {
    const views = { from: reads.input, to: writes.output }
    return { stages: [everyValue(traits, layer, views, blockMoves(options, views.from, views.to))] }
  },
)

export const depthToSpaceBackward = onlyWay<'depth-to-space-backward'>(
  ({ layer, reads, writes, options }, traits) => {
    const views = { from: reads.outputGradient, to: writes.inputGradient }
    const moves = blockMoves(options, views.to, views.from).map(reversed)
    return { stages: [everyValue(traits, `${layer} gradient`, views, moves, options)] }
  },
)
