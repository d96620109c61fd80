import type { Rules } from '../check-options.ts'
import { NetworkError } from '../errors.ts'
import { eachPixel, pixelAt } from '../tensor.ts'
import { type LayerDefinition, NO_FLOPS } from './layer.ts'

export type NoOptions = Readonly<Record<never, never>>

/** A function of one value, and its derivative. NaN stays NaN. */
export interface Elementwise<Options = NoOptions> {
  readonly rules: Rules<Options>
  /** The values of the options that may be left out. */
  readonly defaults?: Partial<Options>
  value(input: number, options: Options): number
  /**
   * The gradient of the input, given the function's value (or its input, if `needsInput`) and the gradient of that value.
   * At a kink of the function the gradient is PyTorch's.
   */
  gradient(from: number, valueGradient: number, options: Options): number
  /** Two inputs may have one value but different derivatives, so the gradient is computed from the input. */
  readonly needsInput?: boolean
  /** Its derivative has no jumps, so that an input with a rounding error has nearly the same. Asked where it `needsInput`. */
  readonly isSmooth?: boolean
  /** The same as a layer's `inputSize`. Far from 0 these functions are straight lines; the check needs values where they bend. */
  inputSize?(options: Options): number | null
  /** The same as a layer's `rectifies`. */
  readonly rectifies?: boolean
  /** Each value is a probability, from 0 to 1, whatever the others are. */
  readonly givesProbabilities?: boolean
  /** What is wrong with options that are allowed one by one; null if nothing is. */
  fault?(options: Options): string | null
}

/** The definition of a layer that is only an activation. Any shape. */
export const elementwise = <Options>(
  activation: string,
  pointwise: Elementwise<Options>,
): LayerDefinition<Options> => ({
  activation,
  inputSize: (options) => pointwise.inputSize?.(options) ?? null,
  rules: pointwise.rules,

  outputShape(name, options, [input]) {
    const fault = pointwise.fault?.(options) ?? null
    if (fault !== null) throw new NetworkError(`${name}: ${fault}`)
    return input!
  },

  parameters: () => ({}),
  flops: () => NO_FLOPS,

  forward({ options, inputs: [input], output }) {
    eachPixel(output, (n, y, x) => {
      const [from, to] = [pixelAt(input!, n, y, x), pixelAt(output, n, y, x)]
      for (let c = 0; c < output.shape[3]; c++)
        output.values[to + c] = pointwise.value(input!.values[from + c]!, options)
    })
  },

  backward({ options, inputs, output, outputGradient, inputGradients: [inputGradient] }) {
    if (!inputGradient) return
    const known = pointwise.needsInput ? inputs[0]! : output
    eachPixel(output, (n, y, x) => {
      const [at, from] = [pixelAt(known, n, y, x), pixelAt(outputGradient, n, y, x)]
      const to = pixelAt(inputGradient, n, y, x)
      for (let c = 0; c < output.shape[3]; c++) {
        const given = outputGradient.values[from + c]!
        inputGradient.values[to + c]! += pointwise.gradient(known.values[at + c]!, given, options)
      }
    })
  },
})
