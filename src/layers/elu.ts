import { numberOverZero } from '../check-options.ts'
import { type Elementwise, elementwise } from './elementwise.ts'
import { type LayerInputs, type LayerOf, makeLayer } from './layer.ts'

/** The options of `elu`. */
export interface EluOptions {
  /** For inputs far below 0 the output is nearly -alpha; 1 by default. */
  readonly alpha: number
}

/** A layer that `elu` makes. */
export type EluLayer<Name extends string = string> = LayerOf<'elu', Name, EluOptions>

/**
 * Exponential linear unit: x where x > 0, and alpha * (e^x - 1) elsewhere; its derivative at 0 is alpha. Any shape.
 * Source: Clevert, Unterthiner & Hochreiter 2015.
 */
export function elu<const Name extends string>(
  name: Name,
  options: Partial<EluOptions> & LayerInputs = {},
): EluLayer<Name> {
  return makeLayer<'elu', Name, EluOptions>(
    'elu',
    name,
    options,
    exponentialLinear.rules,
    exponentialLinear.defaults,
  )
}

export const exponentialLinear = {
  rules: { alpha: numberOverZero },
  defaults: { alpha: 1 },
  value: (input, { alpha }) => (input > 0 ? input : alpha * Math.expm1(input)),
  // The derivative, alpha e^x, is the value plus alpha.
  gradient: (value, valueGradient, { alpha }) =>
    value > 0 ? valueGradient : valueGradient * (value + Math.fround(alpha)),
  inputSize: () => 1,
  rectifies: true,
} satisfies Elementwise<EluOptions>

export const eluDefinition = elementwise('elu', exponentialLinear)
