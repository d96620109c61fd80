import type { ChannelPoolOptions } from '../../layers/channel-pool.ts'
import type { Adding, MayAdd, StepOf } from '../step.ts'
import type { View } from '../views.ts'
import { addingTo, type LayerPlanner } from './layer-planner.ts'

/** A maximum and an l2 depend on the values, and on what was made of them: their gradients read both. */
interface MayReadValues {
  readonly reads: { readonly input?: View; readonly output?: View }
}

export type ChannelPoolStep =
  | StepOf<'channel-pool-forward', 'input', 'output', ChannelPoolOptions>
  | (MayAdd &
      MayReadValues &
      StepOf<'channel-pool-backward', 'outputGradient', 'inputGradient', ChannelPoolOptions & Adding>)

export const channelPoolPlanner: LayerPlanner<'channel-pool', ChannelPoolStep> = {
  forward: ({ name: layer, input, output, options }) => [
    { kind: 'channel-pool-forward', layer, pass: 'forward', reads: { input }, writes: { output }, options },
  ],

  backward(context) {
    const place = context.addedGradient()
    if (!place) return []
    const { name: layer, input, output, options } = context
    const { reads, writes, options: adding } = addingTo(place)
    const values = options.mode === 'max' || options.mode === 'l2' ? { input, output } : {}
    return [
      {
        kind: 'channel-pool-backward',
        layer,
        pass: 'backward',
        reads: { ...values, outputGradient: context.outputGradient(), ...reads },
        writes,
        options: { ...options, ...adding },
      },
    ]
  },
}
