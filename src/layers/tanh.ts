import { type Elementwise, elementwise } from './elementwise.ts'
import { type LayerInputs, type LayerOf, makeLayer } from './layer.ts'

/** `tanh` has no options of its own. */
export type TanhOptions = Readonly<Record<never, never>>

/** A layer that `tanh` makes. */
export type TanhLayer<Name extends string = string> = LayerOf<'tanh', Name, TanhOptions>

/**
 * Hyperbolic tangent t = (e^x - e^-x) / (e^x + e^-x), from -1 to 1, NaN kept; its slope is 1 - t^2. Any shape.
 * Source: LeCun, Bottou, Orr & Müller 1998, 'Efficient BackProp', section 4.4.
 */
export function tanh<const Name extends string>(name: Name, options: LayerInputs = {}): TanhLayer<Name> {
  return makeLayer('tanh', name, options, {})
}

export const hyperbolicTangent: Elementwise = {
  rules: {},
  value: Math.tanh,
  // 1 - t^2 by its factors, which keep their digits if t is nearly 1
  gradient: (value, valueGradient) => valueGradient * (1 - value) * (1 + value),
  inputSize: () => 1,
}

export const tanhDefinition = elementwise('tanh', hyperbolicTangent)
