import type { Activated } from './activation.ts'
import { broadcastDefinition, broadcastRules } from './broadcast.ts'
import { type LayerDefinition, type LayerOf, makeLayer } from './layer.ts'

/** The options of `divide`: an activation of its results. */
export type DivideOptions = Activated

/** A layer that `divide` makes. */
export type DivideLayer<Name extends string = string> = LayerOf<'divide', Name, DivideOptions>

/**
 * The activation of the first tensor over the second, value by value. Shapes and broadcasting are those of `add`,
 * whichever of the two is the smaller. As in IEEE 754, x / 0 is infinite and 0 / 0 is NaN. Throws ShapeError. Source:
 * ONNX, Div.
 */
export function divide<const Name extends string>(
  name: Name,
  options: DivideOptions & { readonly inputs: readonly string[] },
): DivideLayer<Name> {
  return makeLayer('divide', name, options, broadcastRules)
}

export const divideDefinition: LayerDefinition<DivideOptions> = broadcastDefinition({
  participle: 'divided',
  combine: (one, other) => one / other,
  gradient: (outputGradient, values, index) => {
    const share = outputGradient / values[1]!
    return index === 0 ? share : -share * (values[0]! / values[1]!)
  },
  inputCount: 2,
})
