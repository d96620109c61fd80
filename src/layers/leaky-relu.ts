import { numberFromZero } from '../check-options.ts'
import { type Elementwise, elementwise } from './elementwise.ts'
import { type LayerInputs, type LayerOf, makeLayer } from './layer.ts'

/** The options of `leakyRelu`. */
export interface LeakyReluOptions {
  /** The factor of inputs that are not over 0; 0.01 by default. */
  readonly slope: number
}

/** A layer that `leakyRelu` makes. */
export type LeakyReluLayer<Name extends string = string> = LayerOf<'leaky-relu', Name, LeakyReluOptions>

/**
 * x where x > 0, and slope * x elsewhere; its derivative at 0 is the slope. Any shape.
 * Source: Maas, Hannun & Ng 2013, 'Rectifier Nonlinearities Improve Neural Network Acoustic Models'.
 */
export function leakyRelu<const Name extends string>(
  name: Name,
  options: Partial<LeakyReluOptions> & LayerInputs = {},
): LeakyReluLayer<Name> {
  return makeLayer<'leaky-relu', Name, LeakyReluOptions>(
    'leaky-relu',
    name,
    options,
    leaky.rules,
    leaky.defaults,
  )
}

export const leaky = {
  rules: { slope: numberFromZero },
  defaults: { slope: 0.01 },
  value: (input, { slope }) => (input > 0 ? input : slope * input),
  gradient: (value, valueGradient, { slope }) => (value > 0 ? valueGradient : slope * valueGradient),
  rectifies: true,
} satisfies Elementwise<LeakyReluOptions>

export const leakyReluDefinition = elementwise('leaky-relu', leaky)
