import type { Adding, MayAdd, StepOf } from '../step.ts'
import { addingTo, type LayerPlanner } from './layer-planner.ts'

type Begin = { readonly begin: number }

export type SliceStep =
  | StepOf<'slice-forward', 'input', 'output', Begin>
  | (MayAdd & StepOf<'slice-backward', 'outputGradient', 'inputGradient', Begin & Adding>)

export const slicePlanner: LayerPlanner<'slice', SliceStep> = {
  forward: ({ name: layer, input, output, options: { begin } }) => [
    {
      kind: 'slice-forward',
      layer,
      pass: 'forward',
      reads: { input },
      writes: { output },
      options: { begin },
    },
  ],

  backward(context) {
    const place = context.addedGradient()
    if (!place) return []
    const { reads, writes, options } = addingTo(place)
    return [
      {
        kind: 'slice-backward',
        layer: context.name,
        pass: 'backward',
        reads: { outputGradient: context.outputGradient(), ...reads },
        writes,
        options: { begin: context.options.begin, ...options },
      },
    ]
  },
}
