import type { Adding, MayAdd, StepOf } from '../step.ts'
import type { View } from '../views.ts'
import { addingTo, type LayerPlanner } from './layer-planner.ts'

export type ScaleStep =
  | (StepOf<'scale-forward', 'input' | 'scale', 'output'> & { readonly reads: { readonly shift?: View } })
  | (StepOf<'scale-parameters-gradient', 'input' | 'outputGradient', 'scaleGradient'> & {
      readonly writes: { readonly shiftGradient?: View }
    })
  | (MayAdd & StepOf<'scale-input-gradient', 'outputGradient' | 'scale', 'inputGradient', Adding>)

export const scalePlanner: LayerPlanner<'scale', ScaleStep> = {
  forward: ({ name: layer, options, input, output, parameter }) => [
    {
      kind: 'scale-forward',
      layer,
      pass: 'forward',
      reads: {
        input,
        scale: parameter('scale'),
        ...(options.shift !== false && { shift: parameter('shift') }),
      },
      writes: { output },
      options: {},
    },
  ],

  backward(context) {
    const { name: layer, options, input, isTrained, parameter, parameterGradient } = context
    const place = context.addedGradient()
    const steps: ScaleStep[] = []
    if (isTrained)
      steps.push({
        kind: 'scale-parameters-gradient',
        layer,
        pass: 'backward',
        reads: { input, outputGradient: context.outputGradient() },
        writes: {
          scaleGradient: parameterGradient('scale'),
          ...(options.shift !== false && { shiftGradient: parameterGradient('shift') }),
        },
        options: {},
      })
    if (place) {
      const adding = addingTo(place)
      steps.push({
        kind: 'scale-input-gradient',
        layer,
        pass: 'backward',
        reads: { outputGradient: context.outputGradient(), scale: parameter('scale'), ...adding.reads },
        writes: adding.writes,
        options: adding.options,
      })
    }
    return steps
  },
}
