import type { Activated } from './activation.ts'
import { broadcastDefinition, broadcastRules, gradientOfExtreme, MOST_INPUTS } from './broadcast.ts'
import { type LayerDefinition, type LayerOf, makeLayer } from './layer.ts'

/** The options of `minimum`: an activation of its results. */
export type MinimumOptions = Activated

/** A layer that `minimum` makes. */
export type MinimumLayer<Name extends string = string> = LayerOf<'minimum', Name, MinimumOptions>

/**
 * The activation of the smallest of two to eight tensors, value by value; it is NaN if one of them is. Shapes and
 * broadcasting are those of `add`. The gradient goes to the first input that has the smallest value; where one is NaN
 * it goes to one of them or to none. Throws ShapeError. Source: ONNX, Min.
 */
export function minimum<const Name extends string>(
  name: Name,
  options: MinimumOptions & { readonly inputs: readonly string[] },
): MinimumLayer<Name> {
  return makeLayer('minimum', name, options, broadcastRules)
}

export const minimumDefinition: LayerDefinition<MinimumOptions> = broadcastDefinition({
  participle: 'compared',
  combine: (one, other) => (Number.isNaN(one) || one <= other ? one : other),
  gradient: gradientOfExtreme((one, other) => one < other),
  inputCount: { atLeast: 2, atMost: MOST_INPUTS },
})
