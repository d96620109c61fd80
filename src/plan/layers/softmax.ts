import type { Adding, MayAdd, StepOf } from '../step.ts'
import { addingTo, type LayerPlanner } from './layer-planner.ts'

export type SoftmaxStep =
  | StepOf<'softmax-forward', 'input', 'output'>
  | (MayAdd & StepOf<'softmax-backward', 'output' | 'outputGradient', 'inputGradient', Adding>)

export const softmaxPlanner: LayerPlanner<'softmax', SoftmaxStep> = {
  forward: ({ name: layer, input, output }) => [
    { kind: 'softmax-forward', layer, pass: 'forward', reads: { input }, writes: { output }, options: {} },
  ],

  backward(context) {
    const place = context.addedGradient()
    if (!place) return []
    const { reads, writes, options } = addingTo(place)
    return [
      {
        kind: 'softmax-backward',
        layer: context.name,
        pass: 'backward',
        reads: { output: context.output, outputGradient: context.outputGradient(), ...reads },
        writes,
        options,
      },
    ]
  },
}
