import { broadcastForward, broadcastInputGradient, gradientOfExtreme, orNaN } from './broadcast.ts'

export const maximumForward = broadcastForward<'maximum-forward'>(
  (b) => (one, other) => orNaN(b, one, other, b.max(one, other)),
)
export const maximumInputGradient = broadcastInputGradient<'maximum-input-gradient'>(
  gradientOfExtreme((b, one, other) => b.binary('lessThan', other, one)),
)
