import type { Activated } from './activation.ts'
import { broadcastDefinition, broadcastRules } from './broadcast.ts'
import { type LayerDefinition, type LayerOf, makeLayer } from './layer.ts'

/** The options of `subtract`: an activation of its results. */
export type SubtractOptions = Activated

/** A layer that `subtract` makes. */
export type SubtractLayer<Name extends string = string> = LayerOf<'subtract', Name, SubtractOptions>

/**
 * The activation of the first tensor minus the second, value by value. Shapes and broadcasting are those of `add`,
 * whichever of the two is the smaller. The gradient of the second is minus the difference's. Throws ShapeError. Source:
 * ONNX, Sub.
 */
export function subtract<const Name extends string>(
  name: Name,
  options: SubtractOptions & { readonly inputs: readonly string[] },
): SubtractLayer<Name> {
  return makeLayer('subtract', name, options, broadcastRules)
}

export const subtractDefinition: LayerDefinition<SubtractOptions> = broadcastDefinition({
  participle: 'subtracted',
  combine: (one, other) => one - other,
  gradient: (outputGradient, _values, index) => (index === 0 ? outputGradient : -outputGradient),
  inputCount: 2,
})
