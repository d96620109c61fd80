import type { ActivationStep } from './activation.ts'
import {
  allInputs,
  type BroadcastForward,
  type BroadcastInputGradient,
  broadcastPlanner,
} from './broadcast.ts'
import type { LayerPlanner } from './layer-planner.ts'

export type MultiplyStep = BroadcastForward<'multiply'> | BroadcastInputGradient<'multiply'>

export const multiplyPlanner: LayerPlanner<'multiply', MultiplyStep | ActivationStep> = broadcastPlanner(
  'multiply',
  {
    factors: (index, count) => allInputs(index, count).filter((i) => i !== index),
  },
)
