import { oneOf } from '../check-options.ts'
import { type Elementwise, elementwise } from './elementwise.ts'
import { normalShareFrom0 } from './erf.ts'
import { type LayerInputs, type LayerOf, makeLayer } from './layer.ts'

export const GELU_APPROXIMATIONS = ['none', 'tanh'] as const

/** The options of `gelu`. */
export interface GeluOptions {
  /** How the normal distribution is approximated: not at all, or by tanh; 'none' by default. */
  readonly approximate: (typeof GELU_APPROXIMATIONS)[number]
}

/** A layer that `gelu` makes. */
export type GeluLayer<Name extends string = string> = LayerOf<'gelu', Name, GeluOptions>

/**
 * x times the share of the standard normal distribution that is below x; with `approximate: 'tanh'`, the approximation that
 * GPT-2 uses. -infinity gives NaN, as in PyTorch. Any shape. Source: Hendrycks & Gimpel 2016.
 */
export function gelu<const Name extends string>(
  name: Name,
  options: Partial<GeluOptions> & LayerInputs = {},
): GeluLayer<Name> {
  return makeLayer<'gelu', Name, GeluOptions>('gelu', name, options, normalGated.rules, normalGated.defaults)
}

export const normalGated = {
  rules: { approximate: oneOf(GELU_APPROXIMATIONS) },
  defaults: { approximate: 'none' },
  value: (input, { approximate }) =>
    input * (approximate === 'tanh' ? (1 + Math.tanh(nearly(input))) / 2 : normalShare(input)),
  gradient(input, valueGradient, { approximate }) {
    if (approximate === 'none') {
      const density = Math.exp(-(input ** 2) / 2) / Math.sqrt(2 * Math.PI)
      return valueGradient * (normalShare(input) + input * density)
    }
    const share = Math.tanh(nearly(input))
    const slope = (1 - share) * (1 + share) * NEARLY * (1 + 3 * CUBIC * input ** 2)
    return (valueGradient * (1 + share + input * slope)) / 2
  },
  needsInput: true,
  isSmooth: true,
  inputSize: () => 1,
  rectifies: true,
} satisfies Elementwise<GeluOptions>

const NEARLY = Math.sqrt(2 / Math.PI)
const CUBIC = 0.044715
const nearly = (input: number): number => NEARLY * (input + CUBIC * input ** 3)

/** How much of the standard normal distribution is below a value. */
const normalShare = (input: number): number => 0.5 + normalShareFrom0(input)

export const geluDefinition = elementwise('gelu', normalGated)
