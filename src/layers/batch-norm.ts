import { numberOverZero, type Rules, shareUpToOne } from '../check-options.ts'
import { eachPixel, elementCount, type Grid, pixelAt } from '../tensor.ts'
import { type Activated, activateAll, activationRules, gradientsThrough, outputOrSums } from './activation.ts'
import {
  type LayerDefinition,
  type LayerInputs,
  type LayerOf,
  makeLayer,
  NO_FLOPS,
  type Statistics,
} from './layer.ts'
import { type Decayed, decayedRules } from './trained.ts'

/** The options of `batchNorm`. */
export interface BatchNormOptions extends Activated, Decayed {
  /** Added to the variance; 1e-5 by default. */
  readonly epsilon: number
  /** How much of the batch's statistics goes into the running ones in each step of training; 0.1 by default. */
  readonly momentum: number
}

/** A layer that `batchNorm` makes. */
export type BatchNormLayer<Name extends string = string> = LayerOf<'batch-norm', Name, BatchNormOptions>

/**
 * Batch normalization: scale * (x - mean) / sqrt(variance + epsilon) + shift, for each channel. Keeps the shape,
 * (N, H, W, C) or (N, C); parameters scale and shift (C), statistics mean and variance (C).
 *
 * In training, mean and variance (biased) are those of the batch, over N, H and W, and the running ones follow: running
 * = (1 - momentum) * running + momentum * batch's, for the variance the unbiased one; this needs more than one value a
 * channel. In the pass forward, or if the layer is frozen, the running ones are used. Epsilon 1e-5 and momentum 0.1 by
 * default, as in PyTorch. A variance beyond float32 is NaN in engines, and so are the outputs. Source: Ioffe & Szegedy
 * 2015.
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
    const { values } = input!
    eachPixel(input!, (n, y, x) => {
      const from = pixelAt(input!, n, y, x)
      for (let c = 0; c < channels; c++) mean[c]! += values[from + c]!
    })
    for (let c = 0; c < channels; c++) mean[c]! /= count
    eachPixel(input!, (n, y, x) => {
      const from = pixelAt(input!, n, y, x)
      for (let c = 0; c < channels; c++) variance[c]! += (values[from + c]! - mean[c]!) ** 2
    })
    for (let c = 0; c < channels; c++) variance[c]! /= count
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
    const factor = factorsOf(options, parameters.scale!, variance)
    const shift = parameters.shift!
    const channels = output.shape[3]
    eachPixel(output, (n, y, x) => {
      const [from, to] = [pixelAt(input!, n, y, x), pixelAt(output, n, y, x)]
      for (let c = 0; c < channels; c++)
        output.values[to + c] = (input!.values[from + c]! - mean[c]!) * factor[c]! + shift[c]!
      activateAll(options, output.values, to, channels)
    })
  },

  backward(context) {
    const { options, inputs, parameters, statistics, outputGradient, inputGradients } = context
    const known = outputOrSums(batchNormDefinition, context)
    const { scale, shift } = context.parameterGradients
    const [input, inputGradient] = [inputs[0]!, inputGradients[0]]
    const moments = momentsOf(statistics, parameters)
    const sums = gradientSums(options, moments, input, known, outputGradient)
    scale?.forEach((_, c) => {
      scale[c]! += sums.scale[c]!
    })
    shift?.forEach((_, c) => {
      shift[c]! += sums.shift[c]!
    })
    if (!inputGradient) return
    // The batch's statistics change with each of its values; running ones don't.
    const ofBatch = statistics ? { sums, count: valuesAChannel(input) } : null
    const grids = { input, known, outputGradient, inputGradient }
    addInputGradient(options, parameters.scale!, moments, ofBatch, grids)
  },
}

type Values = Float32Array | Float64Array

/** Scale over deviation, of each channel. */
const factorsOf = ({ epsilon }: BatchNormOptions, scale: Values, variance: Values): Float64Array =>
  Float64Array.from(scale, (value, c) => value / Math.sqrt(variance[c]! + epsilon))

/** The gradients of scale and shift. */
interface GradientSums {
  readonly scale: Values
  readonly shift: Values
}

function gradientSums(
  options: BatchNormOptions,
  { mean, variance }: Moments,
  input: Grid,
  known: Grid,
  outputGradient: Grid,
): GradientSums {
  const channels = input.shape[3]
  const [scale, shift] = [new Float64Array(channels), new Float64Array(channels)]
  const gradients = new Float64Array(channels)
  eachPixel(outputGradient, (n, y, x) => {
    const [from, at] = [pixelAt(input, n, y, x), pixelAt(known, n, y, x)]
    const given = pixelAt(outputGradient, n, y, x)
    gradientsThrough(options, known, at, outputGradient, given, gradients)
    for (let c = 0; c < channels; c++) {
      scale[c]! += gradients[c]! * (input.values[from + c]! - mean[c]!)
      shift[c]! += gradients[c]!
    }
  })
  for (let c = 0; c < channels; c++) scale[c]! /= Math.sqrt(variance[c]! + options.epsilon)
  return { scale, shift }
}

/**
 * Adds the gradient of the input. If the statistics are the batch's, whose sums are given: factor * (gradient - its mean
 * - normalized * the mean of gradient * normalized); otherwise factor * gradient.
 */
export function addInputGradient(
  options: BatchNormOptions,
  scale: Values,
  { mean, variance }: Moments,
  ofBatch: { readonly sums: GradientSums; readonly count: number } | null,
  grids: Readonly<Record<'input' | 'known' | 'outputGradient' | 'inputGradient', Grid>>,
): void {
  const { input, known, outputGradient, inputGradient } = grids
  const factor = factorsOf(options, scale, variance)
  const { epsilon } = options
  const slope = factor.map((each, c) =>
    ofBatch ? (-each * ofBatch.sums.scale[c]!) / (Math.sqrt(variance[c]! + epsilon) * ofBatch.count) : 0,
  )
  const constant = factor.map((each, c) => (ofBatch ? (-each * ofBatch.sums.shift[c]!) / ofBatch.count : 0))
  const gradients = new Float64Array(inputGradient.shape[3])
  eachPixel(inputGradient, (n, y, x) => {
    const [from, at] = [pixelAt(input, n, y, x), pixelAt(known, n, y, x)]
    const [given, to] = [pixelAt(outputGradient, n, y, x), pixelAt(inputGradient, n, y, x)]
    gradientsThrough(options, known, at, outputGradient, given, gradients)
    for (let c = 0; c < gradients.length; c++) {
      const centred = ofBatch ? (input.values[from + c]! - mean[c]!) * slope[c]! + constant[c]! : 0
      inputGradient.values[to + c]! += factor[c]! * gradients[c]! + centred
    }
  })
}

const valuesAChannel = ({ shape }: Grid): number => elementCount(shape.slice(0, 3))
