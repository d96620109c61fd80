import type { ActivationStep } from './activation.ts'
import {
  allInputs,
  type BroadcastForward,
  type BroadcastInputGradient,
  broadcastPlanner,
} from './broadcast.ts'
import type { LayerPlanner } from './layer-planner.ts'

export type MinimumStep = BroadcastForward<'minimum'> | BroadcastInputGradient<'minimum'>

export const minimumPlanner: LayerPlanner<'minimum', MinimumStep | ActivationStep> = broadcastPlanner(
  'minimum',
  {
    factors: allInputs,
  },
)
