import {
  finiteNumber,
  integerFromZero,
  numberFromZero,
  numberOverZero,
  optional,
  type Rules,
  trueOrFalse,
} from '../check-options.ts'
import { eachPixel, pixelAt } from '../tensor.ts'
import { type LayerDefinition, type LayerInputs, type LayerOf, makeLayer, NO_FLOPS } from './layer.ts'

/** The options of `lrn`; those left out are those of `ALEXNET_LRN`. */
export interface LrnOptions {
  /** The window is 2 * radius + 1 channels, cut off at the first and the last. */
  readonly radius: number
  /**
   * The window is 2 * radius + 2 channels: it reaches one channel further up than down, as ONNX's windows of even size
   * do.
   */
  readonly even?: boolean
  /** Added to the sum of squares before it is raised to -beta. */
  readonly bias: number
  /** NOT divided by the window, unlike ONNX, oneDNN and PyTorch: their alpha is this one times the window. */
  readonly alpha: number
  /** The power by which the normalizing sum divides. */
  readonly beta: number
}

/** A layer that `lrn` makes. */
export type LrnLayer<Name extends string = string> = LayerOf<'lrn', Name, LrnOptions>

/** The constants of AlexNet's first implementation: radius 4, bias 1, alpha 0.001 / 9, beta 0.75. */
export const ALEXNET_LRN: LrnOptions = { radius: 4, bias: 1, alpha: 0.001 / 9, beta: 0.75 }

/**
 * Local response normalisation across channels: y = x * (bias + alpha * sum over channels c-radius..c+radius of
 * x^2)^-beta. (N, H, W, C) -> (N, H, W, C). The article's constants by default. Squares or sums that overflow float32
 * are infinite here too, and the output is 0 or NaN: a float64 value would look plausible, but no engine can compute
 * it. Source: Krizhevsky 2012, section 3.3.
 */
export function lrn<const Name extends string>(
  name: Name,
  options: Partial<LrnOptions> & LayerInputs = {},
): LrnLayer<Name> {
  return makeLayer('lrn', name, options, rules, ALEXNET_LRN)
}

const rules: Rules<LrnOptions> = {
  radius: integerFromZero,
  even: optional(trueOrFalse),
  bias: numberOverZero,
  alpha: numberFromZero,
  beta: finiteNumber,
}

/** How many channels the window reaches below and above its own. */
export interface LrnReach {
  readonly below: number
  readonly above: number
}

export const reachOf = ({ radius, even = false }: Pick<LrnOptions, 'radius' | 'even'>): LrnReach => ({
  below: radius,
  above: radius + (even ? 1 : 0),
})

/** The reach of the windows that a channel is in, from one of them to the next. */
export const turned = ({ below, above }: LrnReach): LrnReach => ({ below: above, above: below })

export const lrnDefinition: LayerDefinition<LrnOptions> = {
  rules,
  removable: { part: 'lrn', has: () => true, without: () => null },
  outputShape: (_name, _options, [input]) => input!,
  parameters: () => ({}),
  flops: () => NO_FLOPS,

  forward({ options, inputs: [input], output }) {
    const channels = output.shape[3]
    const squares = new Float64Array(channels)
    const reach = reachOf(options)
    eachPixel(output, (n, y, x) => {
      const [from, to] = [pixelAt(input!, n, y, x), pixelAt(output, n, y, x)]
      for (let c = 0; c < channels; c++) squares[c] = input!.values[from + c]! ** 2
      for (let c = 0; c < channels; c++) {
        const scale = options.bias + options.alpha * overflowing(windowSum(squares, c, reach))
        output.values[to + c] = input!.values[from + c]! * scale ** -options.beta
      }
    })
  },

  // dx_c = dy_c scale_c^-beta - 2 alpha beta x_c * sum over the windows that c is in of dy_j x_j scale_j^(-beta-1)
  backward({ options, inputs: [input], outputGradient, inputGradients: [inputGradient] }) {
    if (!inputGradient) return
    const channels = input!.shape[3]
    const reach = reachOf(options)
    const [squares, direct, across] = [0, 1, 2].map(() => new Float64Array(channels))
    eachPixel(input!, (n, y, x) => {
      const [at, from] = [pixelAt(input!, n, y, x), pixelAt(outputGradient, n, y, x)]
      const to = pixelAt(inputGradient, n, y, x)
      for (let c = 0; c < channels; c++) squares![c] = input!.values[at + c]! ** 2
      for (let c = 0; c < channels; c++) {
        const scale = options.bias + options.alpha * overflowing(windowSum(squares!, c, reach))
        direct![c] = outputGradient.values[from + c]! * scale ** -options.beta
        across![c] = (direct![c]! * input!.values[at + c]!) / scale
      }
      for (let c = 0; c < channels; c++) {
        const sum = windowSum(across!, c, turned(reach))
        const value = input!.values[at + c]!
        inputGradient.values[to + c]! += direct![c]! - 2 * options.alpha * options.beta * value * sum
      }
    })
  },
}

function windowSum(values: Float64Array, center: number, { below, above }: LrnReach): number {
  const last = Math.min(center + above, values.length - 1)
  let sum = 0
  for (let c = Math.max(center - below, 0); c <= last; c++) sum += values[c]!
  return sum
}

/** The value, or infinity if it is too large for float32. */
const overflowing = (value: number): number => (Math.fround(value) === Infinity ? Infinity : value)
