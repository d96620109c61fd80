import { broadcastForward, broadcastInputGradient } from './broadcast.ts'

export const divideForward = broadcastForward<'divide-forward'>((b) => b.div, { keepsZeros: false })
export const divideInputGradient = broadcastInputGradient<'divide-input-gradient'>(
  (b, { index, given, input }) => {
    const share = b.div(given, input(1))
    return index === 0 ? share : b.mul(b.sub(b.splat(0), share), b.div(input(0), input(1)))
  },
  { keepsZeros: false },
)
