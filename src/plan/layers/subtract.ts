import type { ActivationStep } from './activation.ts'
import { type BroadcastForward, type BroadcastInputGradient, broadcastPlanner } from './broadcast.ts'
import type { LayerPlanner } from './layer-planner.ts'

export type SubtractStep = BroadcastForward<'subtract'> | BroadcastInputGradient<'subtract'>

export const subtractPlanner: LayerPlanner<'subtract', SubtractStep | ActivationStep> = broadcastPlanner(
  'subtract',
  {
    passes: (index) => index === 0,
  },
)
