import { poolGeometry, type WindowGeometry } from '../../layers/index.ts'
import type { Adding, MayAdd, StepOf } from '../step.ts'
import { addingTo, type LayerPlanner, type PlanContext } from './layer-planner.ts'

type Averaged = { readonly geometry: WindowGeometry; readonly countPadding: boolean }

export type AveragePoolStep =
  | StepOf<'average-pool-forward', 'input', 'output', Averaged>
  | (MayAdd & StepOf<'average-pool-backward', 'outputGradient', 'inputGradient', Averaged & Adding>)

const averaged = ({ layer, options }: PlanContext<'average-pool'>): Averaged => ({
  geometry: poolGeometry(layer.layer.name, options, layer.inputShapes[0]!),
  countPadding: options.countPadding ?? false,
})

export const averagePoolPlanner: LayerPlanner<'average-pool', AveragePoolStep> = {
  forward: (context) => [
    {
      kind: 'average-pool-forward',
      layer: context.name,
      pass: 'forward',
      reads: { input: context.input },
      writes: { output: context.output },
      options: averaged(context),
    },
  ],

  backward(context) {
    const place = context.addedGradient()
    if (!place) return []
    const { reads, writes, options } = addingTo(place)
    return [
      {
        kind: 'average-pool-backward',
        layer: context.name,
        pass: 'backward',
        reads: { outputGradient: context.outputGradient(), ...reads },
        writes,
        options: { ...averaged(context), ...options },
      },
    ]
  },
}
