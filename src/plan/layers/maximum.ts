import type { ActivationStep } from './activation.ts'
import {
  allInputs,
  type BroadcastForward,
  type BroadcastInputGradient,
  broadcastPlanner,
} from './broadcast.ts'
import type { LayerPlanner } from './layer-planner.ts'

export type MaximumStep = BroadcastForward<'maximum'> | BroadcastInputGradient<'maximum'>

export const maximumPlanner: LayerPlanner<'maximum', MaximumStep | ActivationStep> = broadcastPlanner(
  'maximum',
  {
    factors: allInputs,
  },
)
