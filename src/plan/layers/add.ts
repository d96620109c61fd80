import type { ActivationStep } from './activation.ts'
import { type BroadcastForward, type BroadcastInputGradient, broadcastPlanner } from './broadcast.ts'
import type { LayerPlanner } from './layer-planner.ts'

export type AddStep = BroadcastForward<'add'> | BroadcastInputGradient<'add'>

export const addPlanner: LayerPlanner<'add', AddStep | ActivationStep> = broadcastPlanner('add', {
  passes: () => true,
})
