import { channelParts } from './channels.ts'
import { onlyWay } from './kernel.ts'

export const sliceForward = onlyWay<'slice-forward'>(({ layer, reads, writes, options }, traits) => {
  const channels = { from: reads.input, to: writes.output, fromBegin: options.begin }
  return { stages: [{ parts: channelParts(traits, layer, channels, { clears: 'padding', adds: false }) }] }
})

/** If it adds, the other channels stay as they are; if not, they become zero. */
export const sliceBackward = onlyWay<'slice-backward'>(({ layer, reads, writes, options }, traits) => {
  const { begin, adds } = options
  const channels = { from: reads.outputGradient, to: writes.inputGradient, toBegin: begin }
  return {
    stages: [{ parts: channelParts(traits, `${layer} gradient`, channels, { clears: 'pixel', adds }) }],
  }
})
