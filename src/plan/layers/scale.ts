import type { ScalePer } from '../../layers/scale.ts'
import type { Adding, MayAdd, StepOf } from '../step.ts'
import type { View } from '../views.ts'
import { addingTo, type LayerPlanner } from './layer-planner.ts'

type Per = { readonly per: ScalePer }

export type ScaleStep =
  | (StepOf<'scale-forward', 'input' | 'scale', 'output', Per> & {
      readonly reads: { readonly shift?: View }
    })
  | (StepOf<'scale-parameters-gradient', 'input' | 'outputGradient', 'scaleGradient', Per> & {
      readonly writes: { readonly shiftGradient?: View }
    })
  | (MayAdd & StepOf<'scale-input-gradient', 'outputGradient' | 'scale', 'inputGradient', Adding & Per>)

const perOf = ({ per = 'channel' }: { readonly per?: ScalePer | undefined }): Per => ({ per })

export const scalePlanner: LayerPlanner<'scale', ScaleStep> = {
  tail: (_layer, options) => (perOf(options).per === 'channel' ? { does: 'scales' } : null),

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
      options: perOf(options),
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
        options: perOf(options),
      })
    if (place) {
      const adding = addingTo(place)
      steps.push({
        kind: 'scale-input-gradient',
        layer,
        pass: 'backward',
        reads: { outputGradient: context.outputGradient(), scale: parameter('scale'), ...adding.reads },
        writes: adding.writes,
        options: { ...adding.options, ...perOf(options) },
      })
    }
    return steps
  },
}
