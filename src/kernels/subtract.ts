import { broadcastForward, broadcastInputGradient } from './broadcast.ts'

export const subtractForward = broadcastForward<'subtract-forward'>((b) => b.sub)
export const subtractInputGradient = broadcastInputGradient<'subtract-input-gradient'>(
  (b, { index, given }) => (index === 0 ? given : b.sub(b.splat(0), given)),
)
