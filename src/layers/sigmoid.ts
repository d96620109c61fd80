import { type Elementwise, elementwise } from './elementwise.ts'
import { type LayerInputs, type LayerOf, makeLayer } from './layer.ts'

/** `sigmoid` has no options of its own. */
export type SigmoidOptions = Readonly<Record<never, never>>

/** A layer that `sigmoid` makes. */
export type SigmoidLayer<Name extends string = string> = LayerOf<'sigmoid', Name, SigmoidOptions>

/**
 * The logistic function s = 1 / (1 + e^-x), from 0 to 1, NaN kept; its slope is s (1 - s). Any shape.
 * Source: Goodfellow, Bengio & Courville 2016, section 6.3.2.
 */
export function sigmoid<const Name extends string>(
  name: Name,
  options: LayerInputs = {},
): SigmoidLayer<Name> {
  return makeLayer('sigmoid', name, options, {})
}

export const logistic: Elementwise = {
  rules: {},
  value: (input) => 1 / (1 + Math.exp(-input)),
  gradient: (value, valueGradient) => valueGradient * value * (1 - value),
  inputSize: () => 1,
  givesProbabilities: true,
}

export const sigmoidDefinition = elementwise('sigmoid', logistic)
