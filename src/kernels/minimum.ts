import { broadcastForward, broadcastInputGradient, gradientOfExtreme, orNaN } from './broadcast.ts'

export const minimumForward = broadcastForward<'minimum-forward'>(
  (b) => (one, other) => orNaN(b, one, other, b.select(b.binary('lessThan', other, one), other, one)),
)
export const minimumInputGradient = broadcastInputGradient<'minimum-input-gradient'>(
  gradientOfExtreme((b, one, other) => b.binary('lessThan', one, other)),
)
