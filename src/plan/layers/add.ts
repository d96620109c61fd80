import type { Activated } from '../../layers/index.ts'
import type { StepOf } from '../step.ts'
import { NO_HALO } from '../views.ts'
import type { ActivationStep } from './activation.ts'
import { type LayerPlanner, namedInputs } from './layer-planner.ts'

/** Its inputs are `input`, `input1` and so on. */
export type AddStep = StepOf<'add-forward', string, 'output', Activated>

export const addPlanner: LayerPlanner<'add', AddStep | ActivationStep> = {
  forward: ({ name: layer, inputs, output, options: { activation } }) => [
    {
      kind: 'add-forward',
      layer,
      pass: 'forward',
      reads: namedInputs(inputs),
      writes: { output },
      options: { activation },
    },
  ],

  // Each input's gradient is that of the sum, behind its activation: one tensor for all of them.
  backward(context) {
    const { name: layer, inputs, output, options } = context
    const { activation } = options
    const outputGradient = context.outputGradient()
    if (activation === undefined) {
      for (const index of inputs.keys()) context.passGradient(index, outputGradient)
      return []
    }
    const gradient = context.between('sums.gradient', NO_HALO)
    for (const index of inputs.keys()) context.passGradient(index, gradient)
    return [
      {
        kind: 'activation-backward',
        layer,
        pass: 'backward',
        reads: { output, outputGradient },
        writes: { inputGradient: gradient },
        options: { activation, adds: false },
      },
    ]
  },
}
