import type { StepOf } from '../step.ts'
import type { LayerPlanner, PlanContext } from './layer-planner.ts'

type Smoothed = { readonly labelSmoothing: number }

/** Its input is logits, `input1` the labels. */
export type SoftmaxLossStep =
  | StepOf<'softmax-loss-forward', 'input' | 'input1', 'output', Smoothed>
  | StepOf<'softmax-loss-backward', 'input' | 'input1', 'inputGradient', Smoothed>

const readsOf = ({ inputs: [input, input1] }: PlanContext<'softmax-loss'>) => ({
  input: input!,
  input1: input1!,
})

const smoothed = ({ options: { labelSmoothing = 0 } }: PlanContext<'softmax-loss'>): Smoothed => ({
  labelSmoothing,
})

export const softmaxLossPlanner: LayerPlanner<'softmax-loss', SoftmaxLossStep> = {
  forward: (context) => {
    const { name: layer, output } = context
    return [
      {
        kind: 'softmax-loss-forward',
        layer,
        pass: 'forward',
        reads: readsOf(context),
        writes: { output },
        options: smoothed(context),
      },
    ]
  },
  backward: (context) => {
    const inputGradient = context.inputGradient()
    if (!inputGradient) return []
    return [
      {
        kind: 'softmax-loss-backward',
        layer: context.name,
        pass: 'backward',
        reads: readsOf(context),
        writes: { inputGradient },
        options: smoothed(context),
      },
    ]
  },
}
