import { type Elementwise, elementwise, type NoOptions } from './elementwise.ts'
import { type LayerInputs, type LayerOf, makeLayer } from './layer.ts'

/** A layer that `hardSigmoid` makes. */
export type HardSigmoidLayer<Name extends string = string> = LayerOf<'hard-sigmoid', Name, NoOptions>

/**
 * x / 6 + 1/2, but at least 0 (up to -3) and at most 1 (from 3 on): a sigmoid of straight lines, as in PyTorch. The gradient is
 * 0 at -3 and at 3. Any shape.
 * Source: Howard et al. 2019, 'Searching for MobileNetV3'.
 */
export function hardSigmoid<const Name extends string>(
  name: Name,
  options: LayerInputs = {},
): HardSigmoidLayer<Name> {
  return makeLayer('hard-sigmoid', name, options, hardLogistic.rules)
}

export const hardLogistic: Elementwise = {
  rules: {},
  value: (input) => Math.min(Math.max(input + 3, 0), 6) / 6,
  gradient: (value, valueGradient) => (value > 0 && value < 1 ? valueGradient / 6 : 0),
  inputSize: () => 3,
}

export const hardSigmoidDefinition = elementwise('hard-sigmoid', hardLogistic)
