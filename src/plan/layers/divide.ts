import type { ActivationStep } from './activation.ts'
import { type BroadcastForward, type BroadcastInputGradient, broadcastPlanner } from './broadcast.ts'
import type { LayerPlanner } from './layer-planner.ts'

export type DivideStep = BroadcastForward<'divide'> | BroadcastInputGradient<'divide'>

export const dividePlanner: LayerPlanner<'divide', DivideStep | ActivationStep> = broadcastPlanner('divide', {
  factors: (index) => (index === 0 ? [1] : [0, 1]),
})
