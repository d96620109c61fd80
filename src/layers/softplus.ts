import { type Elementwise, elementwise, type NoOptions } from './elementwise.ts'
import { type LayerInputs, type LayerOf, makeLayer } from './layer.ts'

/** A layer that `softplus` makes. */
export type SoftplusLayer<Name extends string = string> = LayerOf<'softplus', Name, NoOptions>

/**
 * log(1 + e^x), a smooth ReLU. Any shape. Source: Dugas, Bengio, Bélisle, Nadeau & Garcia 2000.
 */
export function softplus<const Name extends string>(
  name: Name,
  options: LayerInputs = {},
): SoftplusLayer<Name> {
  return makeLayer('softplus', name, options, smoothRectified.rules)
}

export const smoothRectified: Elementwise = {
  rules: {},
  value: (input) => Math.max(input, 0) + Math.log1p(Math.exp(-Math.abs(input))),
  // The derivative is the logistic function of the input, which is 1 - e^-value.
  gradient: (value, valueGradient) => -valueGradient * Math.expm1(-value),
  inputSize: () => 1,
  rectifies: true,
}

export const softplusDefinition = elementwise('softplus', smoothRectified)
