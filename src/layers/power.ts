import { must } from '../check-options.ts'
import { type Elementwise, elementwise } from './elementwise.ts'
import { type LayerInputs, type LayerOf, makeLayer } from './layer.ts'

/** The options of `power`. */
export interface PowerOptions {
  /** From -64 to 64, but not 0. */
  readonly exponent: number
}

/** A layer that `power` makes. */
export type PowerLayer<Name extends string = string> = LayerOf<'power', Name, PowerOptions>

const MOST = 64

/**
 * x to the power of a constant: 2 is the square, 0.5 the square root, -1 the reciprocal. Of numbers below 0 it is NaN
 * unless the exponent is an integer. Where a value's gradient is 0, so is the input's, also if the slope is infinite.
 * Any shape. Source: ONNX, Pow.
 */
export function power<const Name extends string>(
  name: Name,
  options: PowerOptions & LayerInputs,
): PowerLayer<Name> {
  return makeLayer<'power', Name, PowerOptions>('power', name, options, powerOf.rules)
}

function raised(input: number, exponent: number): number {
  return input < 0 && !Number.isInteger(exponent) ? Number.NaN : input ** exponent
}

export const powerOf = {
  rules: {
    exponent: must(
      (value: number) => typeof value === 'number' && Math.abs(value) <= MOST && value !== 0,
      'a number from -64 to 64 other than 0',
    ),
  },
  value: (input, { exponent }) => raised(input, exponent),
  gradient: (input, valueGradient, { exponent }) =>
    valueGradient === 0 ? 0 : valueGradient * exponent * raised(input, exponent - 1),
  needsInput: true,
  inputSize: () => 1,
} satisfies Elementwise<PowerOptions>

export const powerDefinition = elementwise('power', powerOf)
