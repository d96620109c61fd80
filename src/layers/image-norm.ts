// What the normalizations of single images share. They divide an image's values into sets, and normalize each set by its own
// mean and variance.
import { numberOverZero, type Rules } from '../check-options.ts'
import { asImageShape, eachPixel, type Grid, pixelAt } from '../tensor.ts'
import { type LayerDefinition, NO_FLOPS } from './layer.ts'
import { type Decayed, decayedRules } from './trained.ts'

/** The options of `layerNorm`, `instanceNorm` and `groupNorm`. */
export interface NormOptions extends Decayed {
  /** Added to the variance; 1e-5 by default. */
  readonly epsilon: number
}

export const normRules: Rules<NormOptions> = { epsilon: numberOverZero, ...decayedRules }

/** The sets of an image (H, W, C): how many there are, all of one size, and the number of the set that a value belongs to. */
export interface Sets {
  readonly count: number
  of(y: number, x: number, c: number): number
}
export type SetsOf<Options> = (options: Options, image: readonly [number, number, number]) => Sets

type Values = Float32Array | Float64Array

/** Each set's mean, and its factor 1 / sqrt(variance + epsilon); `size` is the number of values in a set. */
interface Moments {
  readonly size: number
  readonly mean: Float64Array
  readonly factor: Float64Array
}

const imageOf = ({ shape: [, ...image] }: Grid) => asImageShape(image)

/** Calls `visit` for each value of an image, with its set and its place in every grid. */
function eachValue(
  sets: Sets,
  image: number,
  grids: readonly Grid[],
  visit: (set: number, channel: number, at: readonly number[]) => void,
): void {
  const [, height, width, channels] = grids[0]!.shape
  eachPixel({ ...grids[0]!, shape: [1, height, width, channels] }, (_, y, x) => {
    const pixels = grids.map((grid) => pixelAt(grid, image, y, x))
    for (let c = 0; c < channels; c++)
      visit(
        sets.of(y, x, c),
        c,
        pixels.map((pixel) => pixel + c),
      )
  })
}

function momentsOf(sets: Sets, image: number, input: Grid, epsilon: number): Moments {
  const [, height, width, channels] = input.shape
  const size = (height * width * channels) / sets.count
  const [mean, variance] = [new Float64Array(sets.count), new Float64Array(sets.count)]
  eachValue(sets, image, [input], (set, _c, [at]) => {
    mean[set]! += input.values[at!]! / size
  })
  eachValue(sets, image, [input], (set, _c, [at]) => {
    variance[set]! += (input.values[at!]! - mean[set]!) ** 2 / size
  })
  return { size, mean, factor: variance.map((value) => 1 / Math.sqrt(value + epsilon)) }
}

/** The loops of scale * (x - mean) / sqrt(variance + epsilon) + shift, with the mean and the biased variance of x's set. */
export function normalizedSets<Options extends NormOptions>(
  setsOf: SetsOf<Options>,
): Pick<LayerDefinition<Options>, 'readsWholeImages' | 'parameters' | 'flops' | 'forward' | 'backward'> {
  return {
    readsWholeImages: true,
    parameters(_options, [input]) {
      const shape = [input!.at(-1) ?? 1]
      return { scale: { shape, role: 'scale' }, shift: { shape, role: 'shift' } }
    },
    flops: () => NO_FLOPS,

    forward({ options, inputs: [input], parameters, output }) {
      const { scale, shift } = parameters as { readonly scale: Values; readonly shift: Values }
      const sets = setsOf(options, imageOf(input!))
      for (let n = 0; n < output.shape[0]; n++) {
        const { mean, factor } = momentsOf(sets, n, input!, options.epsilon)
        eachValue(sets, n, [input!, output], (set, c, [from, to]) => {
          output.values[to!] = scale[c]! * (input!.values[from!]! - mean[set]!) * factor[set]! + shift[c]!
        })
      }
    },

    // The input's gradient is factor * (h - mean of h - normalized * mean of (h * normalized)), where h is scale * the
    // output's gradient, and the means are over the set.
    backward({ options, inputs, parameters, parameterGradients, outputGradient, inputGradients }) {
      const [input, inputGradient] = [inputs[0]!, inputGradients[0]]
      const { scale: scaleGradient, shift: shiftGradient } = parameterGradients
      const sets = setsOf(options, imageOf(input))
      for (let n = 0; n < outputGradient.shape[0]; n++) {
        const { size, mean, factor } = momentsOf(sets, n, input, options.epsilon)
        const normalized = (set: number, at: number) => (input.values[at]! - mean[set]!) * factor[set]!
        eachValue(sets, n, [input, outputGradient], (set, c, [from, given]) => {
          const gradient = outputGradient.values[given!]!
          if (scaleGradient) scaleGradient[c]! += gradient * normalized(set, from!)
          if (shiftGradient) shiftGradient[c]! += gradient
        })
        if (!inputGradient) continue
        const scale = parameters.scale!
        const [gradients, products] = [new Float64Array(sets.count), new Float64Array(sets.count)]
        eachValue(sets, n, [input, outputGradient], (set, c, [from, given]) => {
          const gradient = scale[c]! * outputGradient.values[given!]!
          gradients[set]! += gradient / size
          products[set]! += (gradient * normalized(set, from!)) / size
        })
        eachValue(sets, n, [input, outputGradient, inputGradient], (set, c, [from, given, to]) => {
          const gradient = scale[c]! * outputGradient.values[given!]!
          inputGradient.values[to!]! +=
            factor[set]! * (gradient - gradients[set]! - normalized(set, from!) * products[set]!)
        })
      }
    },
  }
}
