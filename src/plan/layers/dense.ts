import type { StepOf } from '../step.ts'
import { NO_HALO, type View } from '../views.ts'
import type { LayerPlanner } from './layer-planner.ts'
import { type Finished, type FoldStep, forwardSums, forwardWeights, sumsGradient } from './weighted-sums.ts'

export type DenseStep =
  | FoldStep
  | (StepOf<'dense-forward', 'input' | 'weights', 'output', Finished> & {
      readonly reads: { readonly biases?: View }
    })
  | StepOf<'dense-weights-gradient', 'input' | 'gradient', 'weightsGradient'>
  | StepOf<'dense-input-gradient', 'gradient' | 'weights', 'inputGradient'>

export const densePlanner: LayerPlanner<'dense'> = {
  readsAnyPitch: true,

  fuses: (does) => does !== 'adds',

  forward(context) {
    const { sums, activation, following } = forwardSums(context)
    const { weights, biases, before } = forwardWeights(context)
    const step: DenseStep = {
      kind: 'dense-forward',
      layer: context.name,
      pass: 'forward',
      reads: { input: context.input, weights, ...biases },
      writes: { output: sums },
      options: { activation },
    }
    return [...before, step, ...following]
  },

  backward(context) {
    const { name: layer, input, isTrained } = context
    const inputGradient = context.inputGradient()
    if (!isTrained && !inputGradient) return []
    const { gradient, steps } = sumsGradient(context, NO_HALO)
    const own: DenseStep[] = []
    if (isTrained)
      own.push({
        kind: 'dense-weights-gradient',
        layer,
        pass: 'backward',
        reads: { input, gradient },
        writes: { weightsGradient: context.parameterGradient('weights') },
        options: {},
      })
    if (inputGradient)
      own.push({
        kind: 'dense-input-gradient',
        layer,
        pass: 'backward',
        reads: { gradient, weights: context.parameter('weights') },
        writes: { inputGradient },
        options: {},
      })
    return [...steps, ...own]
  },
}
