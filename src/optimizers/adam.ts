import { numberOverZero, shareBelowOne } from '../check-options.ts'
import { eachValue } from './each-value.ts'
import type { OptimizerDefinition } from './optimizer.ts'

/**
 * Adam: m = beta1 * m + (1 - beta1) * g, v = beta2 * v + (1 - beta2) * g^2, with g = gradient + decay * w;
 * w = w - rate / (1 - beta1^t) * m / (sqrt(v / (1 - beta2^t)) + epsilon). Source: Kingma & Ba 2015, as torch.optim.Adam.
 */
export interface Adam {
  readonly kind: 'adam'
  /** From 0 to below 1; the decay of the mean of gradients. */
  readonly beta1: number
  /** From 0 to below 1; the decay of the mean of their squares. */
  readonly beta2: number
  /** Over 0. */
  readonly epsilon: number
}

export const adamDefinition: OptimizerDefinition<Adam> = {
  states: ['moment1', 'moment2'],
  rules: { beta1: shareBelowOne, beta2: shareBelowOne, epsilon: numberOverZero },

  rates: ({ beta1, beta2 }, rate, step) => [rate / (1 - beta1 ** step), 1 / Math.sqrt(1 - beta2 ** step)],

  update({ options, rates, factor, gradient, parameter, states: [moment1, moment2] }) {
    const { beta1, beta2, epsilon, decay, rateFactor = 1 } = options
    const [rate, rootFactor] = [rates[0]! * rateFactor, rates[1]!]
    eachValue([parameter, gradient, moment1!, moment2!], ([w, g, m, v]) => {
      const slope = gradient.values[g!]! * factor + decay * parameter.values[w!]!
      const mean = beta1 * moment1!.values[m!]! + (1 - beta1) * slope
      const square = beta2 * moment2!.values[v!]! + (1 - beta2) * slope * slope
      moment1!.values[m!] = mean
      moment2!.values[v!] = square
      parameter.values[w!]! -= (rate * mean) / (Math.sqrt(square) * rootFactor + epsilon)
    })
  },
}
