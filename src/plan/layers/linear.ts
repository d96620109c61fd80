// The plan of layers whose output is linear in their input (pad adds a constant): their input's gradient depends on the
// output's gradient alone.
import type { LayerKind, LayerOptions } from '../../layers/index.ts'
import type { Adding, MayAdd, StepOf } from '../step.ts'
import { addingTo, type LayerPlanner } from './layer-planner.ts'

export type LinearForward<Kind extends LayerKind> = StepOf<
  `${Kind}-forward`,
  'input',
  'output',
  LayerOptions<Kind>
>
export type LinearBackward<Kind extends LayerKind> = MayAdd &
  StepOf<`${Kind}-backward`, 'outputGradient', 'inputGradient', LayerOptions<Kind> & Adding>

export const linearPlanner = <Kind extends LayerKind>(
  kind: Kind,
): LayerPlanner<Kind, LinearForward<Kind> | LinearBackward<Kind>> => ({
  forward: ({ name: layer, input, output, options }) => [
    { kind: `${kind}-forward`, layer, pass: 'forward', reads: { input }, writes: { output }, options },
  ],

  backward(context) {
    const place = context.addedGradient()
    if (!place) return []
    const { reads, writes, options } = addingTo(place)
    return [
      {
        kind: `${kind}-backward`,
        layer: context.name,
        pass: 'backward',
        reads: { outputGradient: context.outputGradient(), ...reads },
        writes,
        options: { ...context.options, ...options } as unknown as LayerOptions<Kind> & Adding,
      },
    ]
  },
})
