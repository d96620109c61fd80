import { type Elementwise, elementwise } from './elementwise.ts'
import { type LayerInputs, type LayerOf, makeLayer } from './layer.ts'

/** `relu` has no options of its own. */
export type ReluOptions = Readonly<Record<never, never>>

/** A layer that `relu` makes. */
export type ReluLayer<Name extends string = string> = LayerOf<'relu', Name, ReluOptions>

/**
 * Rectified linear unit: max(x, 0), NaN kept; the gradient passes where x > 0. Any shape.
 * After a convolution, prefer its `activation: 'relu'`, which costs no pass over memory. Source: Nair & Hinton 2010.
 */
export function relu<const Name extends string>(name: Name, options: LayerInputs = {}): ReluLayer<Name> {
  return makeLayer('relu', name, options, {})
}

export const rectified: Elementwise = {
  rules: {},
  value: (input) => Math.max(input, 0),
  gradient: (value, valueGradient) => (value > 0 ? valueGradient : 0),
  rectifies: true,
}

export const reluDefinition = elementwise('relu', rectified)
