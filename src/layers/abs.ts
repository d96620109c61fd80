import { type Elementwise, elementwise, type NoOptions } from './elementwise.ts'
import { type LayerInputs, type LayerOf, makeLayer } from './layer.ts'

/** `abs` has no options of its own. */
export type AbsOptions = NoOptions

/** A layer that `abs` makes. */
export type AbsLayer<Name extends string = string> = LayerOf<'abs', Name, AbsOptions>

/** The absolute value |x|; its slope at 0 is 0. Any shape. Source: ONNX, Abs. */
export function abs<const Name extends string>(name: Name, options: LayerInputs = {}): AbsLayer<Name> {
  return makeLayer('abs', name, options, absolute.rules)
}

export const absolute: Elementwise = {
  rules: {},
  value: (input) => Math.abs(input),
  gradient: (input, valueGradient) => (input > 0 ? valueGradient : input < 0 ? -valueGradient : 0),
  needsInput: true,
}

export const absDefinition = elementwise('abs', absolute)
