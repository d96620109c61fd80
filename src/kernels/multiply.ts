import type { Vector } from '../codegen/program.ts'
import { broadcastForward, broadcastInputGradient } from './broadcast.ts'

export const multiplyForward = broadcastForward<'multiply-forward'>((b) => b.mul)
export const multiplyInputGradient = broadcastInputGradient<'multiply-input-gradient'>(
  (b, { factors, given, input }) => factors.reduce<Vector>((product, i) => b.mul(product, input(i)), given),
)
