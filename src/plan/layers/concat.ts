import { type ConcatOptions, concatExtent } from '../../layers/concat.ts'
import type { Adding, MayAdd, StepOf } from '../step.ts'
import { addingTo, type LayerPlanner, namedInputs } from './layer-planner.ts'

/** Its inputs are `input`, `input1` and so on. */
export type ConcatStep =
  | StepOf<'concat-forward', string, 'output', ConcatOptions>
  /** The gradient of input `index`: a part of the output's gradient, from `begin` on along the axis. */
  | (MayAdd &
      StepOf<
        'concat-backward',
        'outputGradient',
        'inputGradient',
        ConcatOptions & Adding & { readonly index: number; readonly begin: number }
      >)

export const concatPlanner: LayerPlanner<'concat', ConcatStep> = {
  forward: ({ name: layer, options, inputs, output }) => [
    {
      kind: 'concat-forward',
      layer,
      pass: 'forward',
      reads: namedInputs(inputs),
      writes: { output },
      options,
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
          options: { ...context.options, index, begin, ...options },
        })
      }
      begin += concatExtent(context.options.axis ?? 'channels', input.shape)
    }
    return steps
  },
}
