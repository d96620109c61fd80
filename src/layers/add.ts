import type { Activated } from './activation.ts'
import { broadcastDefinition, broadcastRules } from './broadcast.ts'
import { type LayerDefinition, type LayerOf, makeLayer } from './layer.ts'

/** The options of `add`: an activation of its results. */
export type AddOptions = Activated

/** A layer that `add` makes. */
export type AddLayer<Name extends string = string> = LayerOf<'add', Name, AddOptions>

/**
 * The activation of the sum of two or more tensors, value by value. The inputs have the same shape, or some have the largest
 * shape, (H, W, C), and the others are (1, 1, C), (C), (H, W, 1) or one value (1), which are broadcast over each image.
 * The output has the largest shape. The gradient of an input is the sum's, added up over the values that the input
 * was broadcast to. A residual block ends with this layer. Throws ShapeError. Source: He et al. 2015, 'Deep Residual
 * Learning'.
 */
export function add<const Name extends string>(
  name: Name,
  options: AddOptions & { readonly inputs: readonly string[] },
): AddLayer<Name> {
  return makeLayer('add', name, options, broadcastRules)
}

export const addDefinition: LayerDefinition<AddOptions> = broadcastDefinition({
  participle: 'added',
  combine: (one, other) => one + other,
  gradient: (outputGradient) => outputGradient,
  inputCount: { atLeast: 2 },
})
