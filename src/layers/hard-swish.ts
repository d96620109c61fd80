import { type Elementwise, elementwise, type NoOptions } from './elementwise.ts'
import { hardLogistic } from './hard-sigmoid.ts'
import { type LayerInputs, type LayerOf, makeLayer } from './layer.ts'

/** A layer that `hardSwish` makes. */
export type HardSwishLayer<Name extends string = string> = LayerOf<'hard-swish', Name, NoOptions>

/**
 * x times hardSigmoid(x): 0 up to -3, x from 3 on; -infinity gives NaN, as in PyTorch. The derivative is 0 at -3 and 1 at 3, as
 * in PyTorch 2.7 and later. Any shape.
 * Source: Howard et al. 2019, 'Searching for MobileNetV3'.
 */
export function hardSwish<const Name extends string>(
  name: Name,
  options: LayerInputs = {},
): HardSwishLayer<Name> {
  return makeLayer('hard-swish', name, options, hardGated.rules)
}

export const hardGated: Elementwise = {
  rules: {},
  value: (input) => input * hardLogistic.value(input, {}),
  gradient(input, valueGradient) {
    if (input <= -3) return 0
    return input >= 3 ? valueGradient : valueGradient * (input / 3 + 0.5)
  },
  needsInput: true,
  inputSize: () => 3,
  rectifies: true,
}

export const hardSwishDefinition = elementwise('hard-swish', hardGated)
