import type { Activated } from './activation.ts'
import { broadcastDefinition, broadcastRules, MOST_INPUTS } from './broadcast.ts'
import { type LayerDefinition, type LayerOf, makeLayer } from './layer.ts'

/** The options of `multiply`: an activation of its results. */
export type MultiplyOptions = Activated

/** A layer that `multiply` makes. */
export type MultiplyLayer<Name extends string = string> = LayerOf<'multiply', Name, MultiplyOptions>

/**
 * The activation of the product of two to eight tensors, value by value. Shapes and broadcasting are those of `add`. The
 * gradient of an input is the product's times the other inputs, added up over the values that the input was broadcast to.
 * A squeeze-and-excite block multiplies its input by its gate with this layer. Throws ShapeError. Source: Hu et al. 2017,
 * 'Squeeze-and-Excitation Networks'.
 */
export function multiply<const Name extends string>(
  name: Name,
  options: MultiplyOptions & { readonly inputs: readonly string[] },
): MultiplyLayer<Name> {
  return makeLayer('multiply', name, options, broadcastRules)
}

export const multiplyDefinition: LayerDefinition<MultiplyOptions> = broadcastDefinition({
  participle: 'multiplied',
  combine: (one, other) => one * other,
  gradient: (outputGradient, values, index) =>
    values.reduce((product, value, i) => (i === index ? product : product * value), outputGradient),
  inputCount: { atLeast: 2, atMost: MOST_INPUTS },
})
