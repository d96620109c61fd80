import { type Elementwise, elementwise, type NoOptions } from './elementwise.ts'
import { type LayerInputs, type LayerOf, makeLayer } from './layer.ts'

/** `exp` has no options of its own. */
export type ExpOptions = NoOptions

/** A layer that `exp` makes. */
export type ExpLayer<Name extends string = string> = LayerOf<'exp', Name, ExpOptions>

/** The exponential function e^x, which is its own slope; infinite from 88.73 on. Any shape. Source: ONNX, Exp. */
export function exp<const Name extends string>(name: Name, options: LayerInputs = {}): ExpLayer<Name> {
  return makeLayer('exp', name, options, exponential.rules)
}

export const exponential: Elementwise = {
  rules: {},
  value: (input) => Math.exp(input),
  gradient: (value, valueGradient) => valueGradient * value,
  inputSize: () => 1,
}

export const expDefinition = elementwise('exp', exponential)
