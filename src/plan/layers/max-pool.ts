import type { WindowGeometry } from '../../layers/index.ts'
import { poolGeometry } from '../../layers/window.ts'
import type { Adding, MayAdd, StepOf } from '../step.ts'
import { addingTo, type LayerPlanner, type PlanContext } from './layer-planner.ts'

type Window = { readonly geometry: WindowGeometry }

export type MaxPoolStep =
  | StepOf<'max-pool-forward', 'input', 'output', Window>
  | (MayAdd &
      StepOf<'max-pool-backward', 'input' | 'output' | 'outputGradient', 'inputGradient', Window & Adding>)

const geometryOf = ({ layer, options }: PlanContext<'max-pool'>) =>
  poolGeometry(layer.layer.name, options, layer.inputShapes[0]!)

export const maxPoolPlanner: LayerPlanner<'max-pool', MaxPoolStep> = {
  forward: (context) => {
    const { name: layer, input, output } = context
    const options = { geometry: geometryOf(context) }
    return [
      { kind: 'max-pool-forward', layer, pass: 'forward', reads: { input }, writes: { output }, options },
    ]
  },
  backward: (context) => {
    const place = context.addedGradient()
    if (!place) return []
    const { name: layer, input, output } = context
    const { reads, writes, options } = addingTo(place)
    return [
      {
        kind: 'max-pool-backward',
        layer,
        pass: 'backward',
        reads: { input, output, outputGradient: context.outputGradient(), ...reads },
        writes,
        options: { geometry: geometryOf(context), ...options },
      },
    ]
  },
}
