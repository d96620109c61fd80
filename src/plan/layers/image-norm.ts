// The plan of the normalizations of single images.
import type { LayerKind, LayerOptions } from '../../layers/index.ts'
import type { Adding, MayAdd, StepOf } from '../step.ts'
import { addingTo, type LayerPlanner } from './layer-planner.ts'

export type NormForward<Kind extends LayerKind> = StepOf<
  `${Kind}-forward`,
  'input' | 'scale' | 'shift',
  'output',
  LayerOptions<Kind>
>
export type NormParametersGradient<Kind extends LayerKind> = StepOf<
  `${Kind}-parameters-gradient`,
  'input' | 'outputGradient',
  'scaleGradient' | 'shiftGradient',
  LayerOptions<Kind>
>
export type NormInputGradient<Kind extends LayerKind> = MayAdd &
  StepOf<
    `${Kind}-input-gradient`,
    'input' | 'outputGradient' | 'scale',
    'inputGradient',
    LayerOptions<Kind> & Adding
  >

/** Each step computes the means and variances anew, so none are kept from forward to backward. */
export const imageNormPlanner = <Kind extends LayerKind>(
  kind: Kind,
): LayerPlanner<Kind, NormForward<Kind> | NormParametersGradient<Kind> | NormInputGradient<Kind>> => ({
  forward: ({ name: layer, input, output, options, parameter }) => [
    {
      kind: `${kind}-forward`,
      layer,
      pass: 'forward',
      reads: { input, scale: parameter('scale'), shift: parameter('shift') },
      writes: { output },
      options,
    },
  ],

  backward(context) {
    const { name: layer, input, options, isTrained, parameter, parameterGradient } = context
    const place = context.addedGradient()
    if (!isTrained && !place) return []
    const reads = { input, outputGradient: context.outputGradient() }
    const ofParameters = (): NormParametersGradient<Kind> => ({
      kind: `${kind}-parameters-gradient`,
      layer,
      pass: 'backward',
      reads,
      writes: { scaleGradient: parameterGradient('scale'), shiftGradient: parameterGradient('shift') },
      options,
    })
    const ofInput = (adding: ReturnType<typeof addingTo>): NormInputGradient<Kind> => ({
      kind: `${kind}-input-gradient`,
      layer,
      pass: 'backward',
      reads: { ...reads, scale: parameter('scale'), ...adding.reads },
      writes: adding.writes,
      options: { ...options, ...adding.options } as unknown as LayerOptions<Kind> & Adding,
    })
    return [...(isTrained ? [ofParameters()] : []), ...(place ? [ofInput(addingTo(place))] : [])]
  },
})
