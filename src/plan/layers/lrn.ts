import type { LrnOptions } from '../../layers/index.ts'
import type { StepOf } from '../step.ts'
import type { LayerPlanner } from './layer-planner.ts'

export type LrnStep =
  | StepOf<'lrn-forward', 'input', 'output', LrnOptions>
  | StepOf<'lrn-backward', 'input' | 'outputGradient', 'inputGradient', LrnOptions>

export const lrnPlanner: LayerPlanner<'lrn', LrnStep> = {
  forward: ({ name: layer, input, output, options }) => [
    { kind: 'lrn-forward', layer, pass: 'forward', reads: { input }, writes: { output }, options },
  ],
  backward: (context) => {
    const inputGradient = context.inputGradient()
    if (!inputGradient) return []
    const { name: layer, input, options } = context
    const reads = { input, outputGradient: context.outputGradient() }
    return [{ kind: 'lrn-backward', layer, pass: 'backward', reads, writes: { inputGradient }, options }]
  },
}
