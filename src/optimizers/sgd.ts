import { shareBelowOne } from '../check-options.ts'
import { eachValue } from './each-value.ts'
import type { OptimizerDefinition } from './optimizer.ts'

/**
 * Stochastic gradient descent with momentum: v = momentum * v + gradient + decay * w; w = w - rate * v.
 * Source: Sutskever et al. 2013, in the form of torch.optim.SGD.
 */
export interface Sgd {
  readonly kind: 'sgd'
  /** From 0 to below 1. */
  readonly momentum: number
}

export const sgdDefinition: OptimizerDefinition<Sgd> = {
  states: ['momentum'],
  rules: { momentum: shareBelowOne },

  rates: (_options, rate) => [rate, 1],

  update({
    options: { momentum, decay, rateFactor = 1 },
    rates,
    factor,
    gradient,
    parameter,
    states: [velocity],
  }) {
    const rate = rates[0]! * rateFactor
    eachValue([parameter, gradient, velocity!], ([w, g, v]) => {
      const slope = gradient.values[g!]! * factor + decay * parameter.values[w!]!
      velocity!.values[v!] = momentum * velocity!.values[v!]! + slope
      parameter.values[w!]! -= rate * velocity!.values[v!]!
    })
  },
}
