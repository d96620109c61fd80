import { type Elementwise, elementwise, type NoOptions } from './elementwise.ts'
import { type LayerInputs, type LayerOf, makeLayer } from './layer.ts'
import { logistic } from './sigmoid.ts'
import { smoothRectified } from './softplus.ts'

/** A layer that `mish` makes. */
export type MishLayer<Name extends string = string> = LayerOf<'mish', Name, NoOptions>

/**
 * x times tanh(softplus(x)); -infinity gives NaN, as in PyTorch. Any shape. Source: Misra 2019.
 */
export function mish<const Name extends string>(name: Name, options: LayerInputs = {}): MishLayer<Name> {
  return makeLayer('mish', name, options, softplusGated.rules)
}

export const softplusGated: Elementwise = {
  rules: {},
  value: (input) => input * Math.tanh(smoothRectified.value(input, {})),
  gradient(input, valueGradient) {
    const share = Math.tanh(smoothRectified.value(input, {}))
    const slope = logistic.value(input, {}) * (1 - share) * (1 + share)
    return valueGradient * (share + input * slope)
  },
  needsInput: true,
  isSmooth: true,
  inputSize: () => 1,
  rectifies: true,
}

export const mishDefinition = elementwise('mish', softplusGated)
