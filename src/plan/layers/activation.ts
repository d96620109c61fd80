import {
  type Activated,
  type Activation,
  type ActivationKind,
  type BroadcastKind,
  needsSums,
} from '../../layers/index.ts'
import type { Adding, MayAdd, StepOf } from '../step.ts'
import { NO_HALO, type View } from '../views.ts'
import { addingTo, type LayerPlanner, type PlanContext } from './layer-planner.ts'

type Activating = { readonly activation: Activation }
type ActivationForward = StepOf<'activation-forward', 'input', 'output', Activating>
/** It reads the activation's output, or, if the gradient can't be computed from that, the activation's input. */
type ActivationBackward = MayAdd &
  StepOf<'activation-backward', 'outputGradient', 'inputGradient', Activating & Adding> & {
    readonly reads: { readonly input?: View; readonly output?: View }
  }
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

/** The tensor that an activation's gradient is computed from: its input or its output. */
const knownOf = (activation: Activation, input: View, output: View) =>
  needsSums({ activation }) ? { input } : { output }

/** The step back through the activation that follows a layer's sums. */
export const throughActivation = (
  activation: Activation,
  {
    name: layer,
    output,
    outputGradient,
  }: Pick<PlanContext<ActivatedKind>, 'name' | 'output' | 'outputGradient'>,
  sums: View,
  gradient: View,
): ActivationBackward => ({
  kind: 'activation-backward',
  layer,
  pass: 'backward',
  reads: { ...knownOf(activation, sums, output), outputGradient: outputGradient() },
  writes: { inputGradient: gradient },
  options: { activation, adds: false },
})

/** The kinds of layers that have the option `activation`. */
type ActivatedKind = 'conv' | 'conv-transpose' | 'dense' | 'batch-norm' | BroadcastKind

/** The tensor of a layer's sums before its activation, if they have one of their own. */
export const sumsOf = ({ between }: Pick<PlanContext<ActivatedKind>, 'between'>): View =>
  between('sums', NO_HALO)

/**
 * Whether a layer that can apply its activation in the step that computes the sums must keep the sums, since the steps
 * backward need them. Then the activation is a step of its own in both directions, and the steps of the sums have none.
 */
export const keepsSums = ({
  options,
  hasBackward,
}: { readonly options: Activated } & Pick<PlanContext<ActivatedKind>, 'hasBackward'>): boolean =>
  hasBackward && needsSums(options)

/** Plans a layer that is only an activation; its options are the activation's. */
export const activationPlanner = <Kind extends ActivationKind>(
  kind: Kind,
): LayerPlanner<Kind, ActivationStep> => {
  const activationOf = ({ options }: PlanContext<Kind>) => ({ kind, ...options }) as Activation
  return {
    tail: (_layer, options) => ({ does: 'activates', activation: { kind, ...options } as Activation }),
    forward: (context) => [applied(activationOf(context), context.name, context.input, context.output)],
    backward: (context) => {
      const place = context.addedGradient()
      if (!place) return []
      const { reads, writes, options } = addingTo(place)
      const activation = activationOf(context)
      const known = knownOf(activation, context.input, context.output)
      return [
        {
          kind: 'activation-backward',
          layer: context.name,
          pass: 'backward',
          reads: { ...known, outputGradient: context.outputGradient(), ...reads },
          writes,
          options: { activation, ...options },
        },
      ]
    },
  }
}
