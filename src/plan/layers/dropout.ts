import type { DropoutOptions } from '../../layers/index.ts'
import type { StepOf } from '../step.ts'
import type { View } from '../views.ts'
import type { LayerPlanner } from './layer-planner.ts'

/** The number of the run, which decides what is dropped; left out where every run drops the same. */
type InTurns = { readonly reads: { readonly turn?: View } }

export type DropoutStep =
  | (StepOf<'dropout-forward', 'input', 'output', DropoutOptions> & InTurns)
  | (StepOf<'dropout-backward', 'outputGradient', 'inputGradient', DropoutOptions> & InTurns)

export const dropoutPlanner: LayerPlanner<'dropout', DropoutStep> = {
  forward: ({ name: layer, input, output, options, turn }) => {
    const reads = { input, ...(turn && { turn }) }
    return [{ kind: 'dropout-forward', layer, pass: 'forward', reads, writes: { output }, options }]
  },
  backward: (context) => {
    const inputGradient = context.inputGradient()
    if (!inputGradient) return []
    const { name: layer, options, turn } = context
    const reads = { outputGradient: context.outputGradient(), ...(turn && { turn }) }
    return [{ kind: 'dropout-backward', layer, pass: 'backward', reads, writes: { inputGradient }, options }]
  },
}
