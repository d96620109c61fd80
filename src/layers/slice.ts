import { integerFromZero, positiveInteger, type Rules } from '../check-options.ts'
import { ShapeError } from '../errors.ts'
import { eachPixel, formatShape, pixelAt } from '../tensor.ts'
import { type LayerDefinition, type LayerInputs, type LayerOf, makeLayer, NO_FLOPS } from './layer.ts'

/** The options of `slice`. */
export interface SliceOptions {
  /** The first channel. */
  readonly begin: number
  /** The one after the last. */
  readonly end: number
}

/** A layer that `slice` makes. */
export type SliceLayer<Name extends string = string> = LayerOf<'slice', Name, SliceOptions>

/** A range of channels. (N, H, W, C) -> (N, H, W, end - begin), or (N, C) -> (N, end - begin). */
export function slice<const Name extends string>(
  name: Name,
  options: SliceOptions & LayerInputs,
): SliceLayer<Name> {
  return makeLayer('slice', name, options, rules)
}

const rules: Rules<SliceOptions> = { begin: integerFromZero, end: positiveInteger }

export const sliceDefinition: LayerDefinition<SliceOptions> = {
  rules,

  outputShape(name, { begin, end }, [input]) {
    const channels = input!.at(-1) ?? 0
    if (begin >= end || end > channels) {
      throw new ShapeError(
        `${name}: channels ${begin} to ${end} of ${formatShape(input!)}; ` +
          `begin must be below end, and end at most ${channels}`,
      )
    }
    return [...input!.slice(0, -1), end - begin]
  },

  parameters: () => ({}),
  flops: () => NO_FLOPS,

  forward({ options: { begin }, inputs: [input], output }) {
    eachPixel(output, (n, y, x) => {
      const [from, to] = [pixelAt(input!, n, y, x) + begin, pixelAt(output, n, y, x)]
      for (let c = 0; c < output.shape[3]; c++) output.values[to + c] = input!.values[from + c]!
    })
  },

  backward({ options: { begin }, outputGradient, inputGradients: [inputGradient] }) {
    if (!inputGradient) return
    eachPixel(outputGradient, (n, y, x) => {
      const [from, to] = [pixelAt(outputGradient, n, y, x), pixelAt(inputGradient, n, y, x) + begin]
      for (let c = 0; c < outputGradient.shape[3]; c++)
        inputGradient.values[to + c]! += outputGradient.values[from + c]!
    })
  },
}
