import { type Elementwise, elementwise, type NoOptions } from './elementwise.ts'
import { type LayerInputs, type LayerOf, makeLayer } from './layer.ts'

/** `erf` has no options of its own. */
export type ErfOptions = NoOptions

/** A layer that `erf` makes. */
export type ErfLayer<Name extends string = string> = LayerOf<'erf', Name, ErfOptions>

/**
 * The error function: the share of a normal distribution of variance 1/2 from -x to x; below 0 for x below 0. Any
 * shape. Source: ONNX, Erf.
 */
export function erf<const Name extends string>(name: Name, options: LayerInputs = {}): ErfLayer<Name> {
  return makeLayer('erf', name, options, errorFunction.rules)
}

/** From here on all of the standard normal distribution is below the value, to the last digit of float64. */
const ALL_FROM = 8.5

/**
 * How much of the standard normal distribution is between 0 and a value; below 0 for a value below 0. All terms of the
 * series have one sign, so no digits cancel. Source: Marsaglia 2004, 'Evaluating the Normal Distribution'.
 */
export function normalShareFrom0(input: number): number {
  if (Math.abs(input) >= ALL_FROM) return Math.sign(input) / 2
  let [sum, term] = [input, input]
  for (let i = 3; Math.abs(term) > 1e-17 * Math.abs(sum); i += 2) {
    term *= input ** 2 / i
    sum += term
  }
  return (sum * Math.exp(-(input ** 2) / 2)) / Math.sqrt(2 * Math.PI)
}

export function erfOf(input: number): number {
  return 2 * normalShareFrom0(input * Math.SQRT2)
}

export const errorFunction: Elementwise = {
  rules: {},
  value: erfOf,
  gradient: (input, valueGradient) => (valueGradient * 2 * Math.exp(-(input ** 2))) / Math.sqrt(Math.PI),
  needsInput: true,
  inputSize: () => 1,
}

export const erfDefinition = elementwise('erf', errorFunction)
