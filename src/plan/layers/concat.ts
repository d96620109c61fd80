import type { Adding, MayAdd, StepOf } from '../step.ts'
import { addingTo, type LayerPlanner, namedInputs } from './layer-planner.ts'

/** Its inputs are `input`, `input1` and so on. */
export type ConcatStep =
  | StepOf<'concat-forward', string, 'output'>
  /** The gradient of input `index`: some channels of the output's gradient, from `begin` on. */
  | (MayAdd &
      StepOf<
        'concat-backward',
        'outputGradient',
        'inputGradient',
        Adding & { readonly index: number; readonly begin: number }
      >)

export const concatPlanner: LayerPlanner<'concat', ConcatStep> = {
  forward: ({ name: layer, inputs, output }) => [
    {
      kind: 'concat-forward',
      layer,
      pass: 'forward',
      reads: namedInputs(inputs),
      writes: { output },
      options: {},
    },
  ],

  backward(context) {
    let begin = 0
    const steps: ConcatStep[] = []
    for (const [index, input] of context.inputs.entries()) {
      const place = context.addedGradient(index)
      if (place) {
        const { reads, writes, options } = addingTo(place)
        steps.push({
          kind: 'concat-backward',
          layer: context.name,
          pass: 'backward',
          reads: { outputGradient: context.outputGradient(), ...reads },
          writes,
          options: { index, begin, ...options },
        })
      }
      begin += input.shape[3]
    }
    return steps
  },
}
