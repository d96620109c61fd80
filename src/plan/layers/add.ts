import { elementCount } from '../../tensor.ts'
import type { ActivationStep } from './activation.ts'
import { type BroadcastForward, type BroadcastInputGradient, broadcastPlanner } from './broadcast.ts'
import type { LayerPlanner } from './layer-planner.ts'

export type AddStep = BroadcastForward<'add'> | BroadcastInputGradient<'add'>

export const addPlanner: LayerPlanner<'add', AddStep | ActivationStep> = {
  // A sum of two different tensors, neither of them broadcast
  tail: ({ inputs, inputShapes, outputShape }, { activation }) =>
    inputs.length === 2 &&
    inputs[0] !== inputs[1] &&
    inputShapes.every((shape) => elementCount(shape) === elementCount(outputShape))
      ? { does: 'adds', activation }
      : null,
  ...broadcastPlanner('add', { passes: () => true }),
}
