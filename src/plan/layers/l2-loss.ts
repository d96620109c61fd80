import type { StepOf } from '../step.ts'
import type { LayerPlanner } from './layer-planner.ts'

export type L2LossStep =
  | StepOf<'l2-loss-forward', 'input', 'output'>
  | StepOf<'l2-loss-backward', 'input', 'inputGradient'>

export const l2LossPlanner: LayerPlanner<'l2-loss', L2LossStep> = {
  forward: ({ name: layer, input, output }) => [
    { kind: 'l2-loss-forward', layer, pass: 'forward', reads: { input }, writes: { output }, options: {} },
  ],
  backward: (context) => {
    const inputGradient = context.inputGradient()
    if (!inputGradient) return []
    const { name: layer, input } = context
    const writes = { inputGradient }
    return [{ kind: 'l2-loss-backward', layer, pass: 'backward', reads: { input }, writes, options: {} }]
  },
}
