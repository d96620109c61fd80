import { numberOverZero, type Rules, shareUpToOne } from '../check-options.ts'
import { eachPixel, elementCount, type Grid, pixelAt } from '../tensor.ts'
import { type Activated, activate, activationRules, gradientThrough } from './activation.ts'
import {
  type LayerDefinition,
  type LayerInputs,
  type LayerOf,
  makeLayer,
  NO_FLOPS,
  type Statistics,
} from './layer.ts'
import { type Decayed, decayedRules } from './trained.ts'

export interface BatchNormOptions extends Activated, Decayed {
  /** Added to the variance. */
  readonly epsilon: number
  /** How much of the batch's statistics goes into the running ones in each step of training. */
  readonly momentum: number
}

export type BatchNormLayer<Name extends string = string> = LayerOf<'batch-norm', Name, BatchNormOptions>

/**
 * Batch normalization: scale * (x - mean) / sqrt(variance + epsilon) + shift, for each channel. (N, H, W, C) or (N, C), the shape
 * kept; parameters scale and shift (C), statistics mean and variance (C).
 *
 * In training, mean and variance (biased) are those of the batch, over N, H and W, and the running ones follow: running = (1 -
 * momentum) * running + momentum * batch's, of the variance the unbiased one; more than one value a channel is needed. In the
 * pass forward, and where the layer is frozen, they are the running ones. Epsilon 1e-5 and momentum 0.1 by default, as
 * PyTorch has them. A variance beyond float32 is NaN in engines, and so are the outputs. Source: Ioffe & Szegedy 2015.
 */
export function batchNorm<const Name extends string>(
  name: Name,
  options: Partial<BatchNormOptions> & LayerInputs = {},
): BatchNormLayer<Name> {
  return makeLayer('batch-norm', name, options, rules, { epsilon: 1e-5, momentum: 0.1 })
}

const rules: Rules<BatchNormOptions> = {
  epsilon: numberOverZero,
  momentum: shareUpToOne,
  ...activationRules,
  ...decayedRules,
}

/** Mean and variance, of the batch or running. */
interface Moments {
  readonly mean: Float32Array | Float64Array
  readonly variance: Float32Array | Float64Array
}

const momentsOf = (statistics: Statistics | undefined, parameters: Statistics): Moments =>
  (statistics ?? parameters) as unknown as Moments

export const batchNormDefinition: LayerDefinition<BatchNormOptions> = {
  rules,
  outputShape: (_name, _options, [input]) => input!,

  parameters(_options, [input]) {
    const shape = [input!.at(-1) ?? 1]
    return {
      scale: { shape, role: 'scale' },
      shift: { shape, role: 'shift' },
      mean: { shape, role: 'statistic' },
      variance: { shape, role: 'statistic', initial: 1 },
    }
  },

  flops: () => NO_FLOPS,

  batchStatistics({ inputs: [input] }) {
    const channels = input!.shape[3]
    const [mean, variance] = [new Float64Array(channels), new Float64Array(channels)]
    const count = valuesAChannel(input!)
    eachValue(input!, (value, c) => {
      mean[c]! += value / count
    })
    eachValue(input!, (value, c) => {
      variance[c]! += (value - mean[c]!) ** 2 / count
    })
    return { mean, variance }
  },

  followStatistics({ momentum }, parameters, statistics, count) {
    const unbiased = count / (count - 1)
    const follow = (name: 'mean' | 'variance', factor: number) =>
      parameters[name]!.forEach((running, c) => {
        parameters[name]![c] = (1 - momentum) * running + momentum * factor * statistics[name]![c]!
      })
    follow('mean', 1)
    follow('variance', unbiased)
  },

  forward({ options, inputs: [input], parameters, statistics, output }) {
    const { mean, variance } = momentsOf(statistics, parameters)
    eachPixel(output, (n, y, x) => {
      const [from, to] = [pixelAt(input!, n, y, x), pixelAt(output, n, y, x)]
      for (let c = 0; c < output.shape[3]; c++) {
        const normalized = (input!.values[from + c]! - mean[c]!) / Math.sqrt(variance[c]! + options.epsilon)
        const scaled = normalized * parameters.scale![c]! + parameters.shift![c]!
        output.values[to + c] = activate(options, scaled)
      }
    })
  },

  backward(context) {
    const { options, inputs, parameters, statistics, output, outputGradient, inputGradients } = context
    const { scale, shift } = context.parameterGradients
    const [input, inputGradient] = [inputs[0]!, inputGradients[0]]
    const { mean, variance } = momentsOf(statistics, parameters)
    const channels = input.shape[3]
    const [sums, products] = [new Float64Array(channels), new Float64Array(channels)]
    const each = (
      visit: (c: number, normalized: number, gradient: number, n: number, y: number, x: number) => void,
    ) =>
      eachPixel(output, (n, y, x) => {
        const [from, at] = [pixelAt(input, n, y, x), pixelAt(output, n, y, x)]
        const given = pixelAt(outputGradient, n, y, x)
        for (let c = 0; c < channels; c++) {
          const normalized = (input.values[from + c]! - mean[c]!) / Math.sqrt(variance[c]! + options.epsilon)
          const [value, valueGradient] = [output.values[at + c]!, outputGradient.values[given + c]!]
          visit(c, normalized, gradientThrough(options, value, valueGradient), n, y, x)
        }
      })
    each((c, normalized, gradient) => {
      sums[c]! += gradient
      products[c]! += gradient * normalized
    })
    scale?.forEach((_, c) => {
      scale[c]! += products[c]!
    })
    shift?.forEach((_, c) => {
      shift[c]! += sums[c]!
    })
    if (!inputGradient) return
    // Statistics of the batch move with every value of it; running ones don't.
    const count = statistics ? valuesAChannel(input) : Number.POSITIVE_INFINITY
    each((c, normalized, gradient, n, y, x) => {
      const centred = gradient - sums[c]! / count - (normalized * products[c]!) / count
      const factor = parameters.scale![c]! / Math.sqrt(variance[c]! + options.epsilon)
      inputGradient.values[pixelAt(inputGradient, n, y, x) + c]! += factor * centred
    })
  },
}

const valuesAChannel = ({ shape }: Grid): number => elementCount(shape.slice(0, 3))

function eachValue(grid: Grid, visit: (value: number, channel: number) => void): void {
  eachPixel(grid, (n, y, x) => {
    const from = pixelAt(grid, n, y, x)
    for (let c = 0; c < grid.shape[3]; c++) visit(grid.values[from + c]!, c)
  })
}
