import { flattening } from './flatten.ts'
import { onlyWay } from './kernel.ts'
import { everyValue, reversed } from './moves.ts'

export const unflattenForward = onlyWay<'unflatten-forward'>(({ layer, reads, writes, options }, traits) => {
  const views = { from: reads.input, to: writes.output }
  return { stages: [everyValue(traits, layer, views, flattening(writes.output, options).map(reversed))] }
})

export const unflattenBackward = onlyWay<'unflatten-backward'>(
  ({ layer, reads, writes, options }, traits) => {
    const views = { from: reads.outputGradient, to: writes.inputGradient }
    return {
      stages: [
        everyValue(traits, `${layer} gradient`, views, flattening(reads.outputGradient, options), options),
      ],
    }
  },
)
