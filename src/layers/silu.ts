import { type Elementwise, elementwise, type NoOptions } from './elementwise.ts'
import { type LayerInputs, type LayerOf, makeLayer } from './layer.ts'
import { logistic } from './sigmoid.ts'

/** A layer that `silu` makes. */
export type SiluLayer<Name extends string = string> = LayerOf<'silu', Name, NoOptions>

/**
 * x times the logistic function of x, which is also called swish; -infinity gives NaN, as in PyTorch. Any shape.
 * Source: Elfwing, Uchibe & Doya 2017.
 */
export function silu<const Name extends string>(name: Name, options: LayerInputs = {}): SiluLayer<Name> {
  return makeLayer('silu', name, options, logisticGated.rules)
}

export const logisticGated: Elementwise = {
  rules: {},
  value: (input) => input * logistic.value(input, {}),
  gradient(input, valueGradient) {
    const share = logistic.value(input, {})
    return valueGradient * share * (1 + input * (1 - share))
  },
  needsInput: true,
  isSmooth: true,
  inputSize: () => 1,
  rectifies: true,
}

export const siluDefinition = elementwise('silu', logisticGated)
