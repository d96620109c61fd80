import type { Activated } from './activation.ts'
import { broadcastDefinition, broadcastRules, gradientOfExtreme, MOST_INPUTS } from './broadcast.ts'
import { type LayerDefinition, type LayerOf, makeLayer } from './layer.ts'

/** The options of `maximum`: an activation of its results. */
export type MaximumOptions = Activated

/** A layer that `maximum` makes. */
export type MaximumLayer<Name extends string = string> = LayerOf<'maximum', Name, MaximumOptions>

/**
 * The activation of the largest of two to eight tensors, value by value; it is NaN if one of them is. Shapes and
 * broadcasting are those of `add`. The gradient goes to the first input that has the largest value; where one is NaN it
 * goes to one of them or to none. Throws ShapeError. Source: ONNX, Max.
 */
export function maximum<const Name extends string>(
  name: Name,
  options: MaximumOptions & { readonly inputs: readonly string[] },
): MaximumLayer<Name> {
  return makeLayer('maximum', name, options, broadcastRules)
}

export const maximumDefinition: LayerDefinition<MaximumOptions> = broadcastDefinition({
  participle: 'compared',
  combine: (one, other) => (Number.isNaN(one) || one >= other ? one : other),
  gradient: gradientOfExtreme((one, other) => one > other),
  inputCount: { atLeast: 2, atMost: MOST_INPUTS },
})
