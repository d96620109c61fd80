import type { Activation } from '../../layers/index.ts'
import type { Adding, MayAdd, StepOf } from '../step.ts'
import type { View } from '../views.ts'
import { addingTo, type LayerPlanner } from './layer-planner.ts'

type Activating = { readonly activation: Activation }
type ActivationForward = StepOf<'activation-forward', 'input', 'output', Activating>
type ActivationBackward = MayAdd &
  StepOf<'activation-backward', 'output' | 'outputGradient', 'inputGradient', Activating & Adding>
export type ActivationStep = ActivationForward | ActivationBackward

export const applied = (
  activation: Activation,
  layer: string,
  input: View,
  output: View,
): ActivationForward => ({
  kind: 'activation-forward',
  layer,
  pass: 'forward',
  reads: { input },
  writes: { output },
  options: { activation },
})

/** A layer that is an activation alone. */
export const activationPlanner = <Kind extends Activation>(
  activation: Kind,
): LayerPlanner<Kind, ActivationStep> => ({
  forward: ({ name, input, output }) => [applied(activation, name, input, output)],
  backward: (context) => {
    const place = context.addedGradient()
    if (!place) return []
    const { reads, writes, options } = addingTo(place)
    return [
      {
        kind: 'activation-backward',
        layer: context.name,
        pass: 'backward',
        reads: { output: context.output, outputGradient: context.outputGradient(), ...reads },
        writes,
        options: { activation, ...options },
      },
    ]
  },
})
