import type { Adding, MayAdd, StepOf } from '../step.ts'
import { addingTo, type LayerPlanner } from './layer-planner.ts'

export type PreluStep =
  | StepOf<'prelu-forward', 'input' | 'slope', 'output'>
  | StepOf<'prelu-slope-gradient', 'input' | 'outputGradient', 'slopeGradient'>
  | (MayAdd & StepOf<'prelu-input-gradient', 'input' | 'outputGradient' | 'slope', 'inputGradient', Adding>)

export const preluPlanner: LayerPlanner<'prelu', PreluStep> = {
  forward: ({ name: layer, input, output, parameter }) => [
    {
      kind: 'prelu-forward',
      layer,
      pass: 'forward',
      reads: { input, slope: parameter('slope') },
      writes: { output },
      options: {},
    },
  ],

  backward(context) {
    const { name: layer, input, isTrained, parameter, parameterGradient } = context
    const place = context.addedGradient()
    const steps: PreluStep[] = []
    if (isTrained)
      steps.push({
        kind: 'prelu-slope-gradient',
        layer,
        pass: 'backward',
        reads: { input, outputGradient: context.outputGradient() },
        writes: { slopeGradient: parameterGradient('slope') },
        options: {},
      })
    if (place) {
      const { reads, writes, options } = addingTo(place)
      steps.push({
        kind: 'prelu-input-gradient',
        layer,
        pass: 'backward',
        reads: { input, outputGradient: context.outputGradient(), slope: parameter('slope'), ...reads },
        writes,
        options,
      })
    }
    return steps
  },
}
