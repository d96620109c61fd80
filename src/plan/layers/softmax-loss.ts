import type { StepOf } from '../step.ts'
import type { LayerPlanner, PlanContext } from './layer-planner.ts'

/** Its input is logits, `input1` the labels. */
export type SoftmaxLossStep =
  | StepOf<'softmax-loss-forward', 'input' | 'input1', 'output'>
  | StepOf<'softmax-loss-backward', 'input' | 'input1', 'inputGradient'>

const readsOf = ({ inputs: [input, input1] }: PlanContext<'softmax-loss'>) => ({
  input: input!,
  input1: input1!,
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
        options: {},
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
        options: {},
      },
    ]
  },
}
