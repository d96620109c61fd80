import { type Activated, activate, activateAll, gradientsThrough } from '../layers/activation.ts'
import { addInputGradient, type BatchNormOptions, batchNormDefinition } from '../layers/batch-norm.ts'
import { type Convolution, convolvePixel, inputGradientPixel, weightsGradientBlock } from '../layers/conv.ts'
import { eachInput } from '../layers/dense.ts'
import { optimizerOf, RATES } from '../optimizers/index.ts'
import type { Step, StepKind, StepOfKind } from '../plan/steps.ts'
import type { View } from '../plan/views.ts'
import { denseGrid, eachPixel, elementCount, type Grid, pixelAt } from '../tensor.ts'
import {
  Comparer,
  type Comparison,
  channelsOfShare,
  compareRows,
  cutGrid,
  denseImage,
  denseParameter,
  denseRows,
  denseWeights,
  type Look,
  numberAt,
  rowsBefore,
  rowsOfShare,
  Scratch,
  wholeImages,
} from './comparison.ts'
import {
  compareBroadcastGradient,
  compareRunningStatistics,
  compareStatistics,
  compareWithLoops,
  type StepsOf,
} from './own-loops.ts'
import { MIN_SAMPLES, sampled, samplePositions } from './sampling.ts'
import type { Share } from './shared-tensors.ts'

/** Recomputes what a step wrote, in float64 and from the engine's own inputs to it, and compares. */
type StepTruth<Kind extends StepKind> = (
  step: StepOfKind<Kind>,
  plan: StepsOf,
  look: Look,
  share: Share,
) => Comparison[]

/** At least so many values of a gradient of weights, whose sums go over the whole batch. */
const MIN_WEIGHTS = 512
/** At least so many pixels of a convolution: of a tile of 6 x 6 or 7 x 7 outputs none or one place is then left out. */
const MIN_PIXELS = 400
/** Channels of a pixel that are computed. */
const CHANNELS_OF_PIXEL = 8
const CHANNELS_AT_ONCE = 4
const FILTERS_AT_ONCE = 4
/** Units side by side, a line of the cache: what one of them reads of the weights is as far away as what all do. */
const UNITS_AT_ONCE = 16

/** The first of a block of channels or units, and room for their sums. */
function blockOf(
  block: number,
  extent: number,
  atOnce: number,
): readonly [first: number, sums: Float64Array] {
  const first = block * atOnce
  return [first, new Float64Array(Math.min(atOnce, extent - first))]
}

/** So many blocks have at least as many values as are wanted. */
const blocksFor = (values: number, valuesOfBlock: number): number => Math.ceil(values / valuesOfBlock)

/** Image, row, column and block of channels. */
function samplePixels({ shape: [images, height, width, channels] }: Grid): number[][] {
  const blocks = Math.ceil(channels / CHANNELS_OF_PIXEL)
  const atLeast = blocksFor(MIN_SAMPLES, Math.min(CHANNELS_OF_PIXEL, channels))
  return samplePositions([images, height, width, blocks], Math.max(MIN_PIXELS, atLeast))
}

/** sums += value * values[from...] */
function addRow(sums: Float64Array, value: number, values: Grid['values'], from: number): void {
  for (let i = 0; i < sums.length; i++) sums[i]! += value * values[from + i]!
}

/** Memory of an image. */
const scratch = new Scratch()

/** Includes the groups, if there are any, and the activation that the step computes with its sums. */
function compareConvForward(
  { reads, writes, options }: StepOfKind<'conv-forward' | 'grouped-conv-forward'>,
  _plan: StepsOf,
  look: Look,
  share: Share,
): Comparison[] {
  const [input, output] = [look(reads.input), look(writes.output)]
  const weights = denseWeights(look(reads.weights))
  const biases = reads.biases ? denseParameter(look(reads.biases)) : null
  const addend = 'addend' in reads && reads.addend ? look(reads.addend) : null
  const filters = output.shape[3]
  const positions = samplePixels(output)
  return sampled(writes.output, positions, share, ([n, y, x, block], comparer) => {
    const [first, sums] = blockOf(block!, filters, CHANNELS_OF_PIXEL)
    convolvePixel(options, input, weights, biases, n!, y!, x!, first, sums)
    const at = pixelAt(output, n!, y!, x!) + first
    const addendAt = addend ? pixelAt(addend, n!, y!, x!) + first : 0
    sums.forEach((sum, f) => {
      const whole = addend ? sum + addend.values[addendAt + f]! : sum
      comparer.add(output.values[at + f]!, activate(options, whole))
    })
  })
}

/** Weights and biases as a layer after them scales and shifts their sums. */
function compareFolded(
  { reads, writes, options }: StepOfKind<'fold-scale'>,
  _plan: StepsOf,
  look: Look,
  share: Share,
): Comparison[] {
  const comparers = [new Comparer(writes.foldedWeights), new Comparer(writes.foldedBiases)] as const
  if (share.index === 0) {
    const dense = (view: View | undefined) => (view ? denseParameter(look(view)) : null)
    const [scale, shift, mean] = [dense(reads.scale)!, dense(reads.shift), dense(reads.mean)]
    const [variance, weights, biases] = [dense(reads.variance), dense(reads.weights)!, dense(reads.biases)]
    const factors = scale.map((each, f) =>
      variance ? each / Math.sqrt(variance[f]! + options.epsilon) : each,
    )
    const [written, writtenBiases] = [dense(writes.foldedWeights)!, dense(writes.foldedBiases)!]
    for (const [i, weight] of weights.entries())
      comparers[0].add(written[i]!, weight * factors[i % factors.length]!)
    for (const [f, factor] of factors.entries())
      comparers[1].add(
        writtenBiases[f]!,
        ((biases?.[f] ?? 0) - (mean?.[f] ?? 0)) * factor + (shift?.[f] ?? 0),
      )
  }
  return comparers.map((comparer) => comparer.result())
}

function compareConvWeightsGradient(
  { reads, writes, options }: StepOfKind<'conv-weights-gradient' | 'grouped-conv-weights-gradient'>,
  _plan: StepsOf,
  look: Look,
  share: Share,
): Comparison[] {
  const [input, gradient, written] = [look(reads.input), look(reads.gradient), look(writes.weightsGradient)]
  const { geometry, groups = 1 }: Convolution = options
  const { kernelHeight, kernelWidth } = geometry
  const [channels, filters] = [input.shape[3] / groups, gradient.shape[3] / groups]
  const blocks = Math.ceil(channels / CHANNELS_AT_ONCE)
  const extents = [kernelHeight * kernelWidth, blocks, groups, Math.ceil(filters / FILTERS_AT_ONCE)]
  // A few channels by a few filters cost little more than one by one: what is read is far away in memory.
  const valuesOfBlock = Math.min(CHANNELS_AT_ONCE, channels) * Math.min(FILTERS_AT_ONCE, filters)
  const positions = samplePositions(extents, blocksFor(MIN_WEIGHTS, valuesOfBlock))
  return sampled(
    writes.weightsGradient,
    positions,
    share,
    ([tap, channelBlock, group, filterBlock], comparer) => {
      const [ky, kx] = [Math.floor(tap! / kernelWidth), tap! % kernelWidth]
      const [channel, filter] = [channelBlock! * CHANNELS_AT_ONCE, filterBlock! * FILTERS_AT_ONCE]
      const rows = Math.min(CHANNELS_AT_ONCE, channels - channel)
      const columns = Math.min(FILTERS_AT_ONCE, filters - filter)
      const [firstChannel, firstFilter] = [group! * channels + channel, group! * filters + filter]
      const sums = new Float64Array(rows * columns)
      weightsGradientBlock(geometry, input, gradient, ky, kx, firstChannel, firstFilter, columns, sums)
      for (let row = 0; row < rows; row++) {
        const at = pixelAt(written, 0, 0, tap! * channels + channel + row) + firstFilter
        for (let i = 0; i < columns; i++) comparer.add(written.values[at + i]!, sums[row * columns + i]!)
      }
    },
  )
}

/** Includes the biases and the activation that the step has as the forward of a transposed convolution. */
function compareConvInputGradient(
  { reads, writes, options }: StepOfKind<'conv-input-gradient' | 'grouped-conv-input-gradient'>,
  _plan: StepsOf,
  look: Look,
  share: Share,
): Comparison[] {
  const [gradient, written] = [look(reads.gradient), look(writes.inputGradient)]
  const weights = denseWeights(look(reads.weights))
  const biases = 'biases' in reads && reads.biases ? denseParameter(look(reads.biases)) : null
  const convolution: Convolution & Activated = options
  const channels = written.shape[3]
  const positions = samplePixels(written)
  return sampled(writes.inputGradient, positions, share, ([n, y, x, block], comparer) => {
    const [first, sums] = blockOf(block!, channels, CHANNELS_OF_PIXEL)
    inputGradientPixel(convolution, gradient, weights, channels, n!, y!, x!, first, sums)
    const at = pixelAt(written, n!, y!, x!) + first
    sums.forEach((sum, c) => {
      comparer.add(written.values[at + c]!, activate(convolution, sum + (biases?.[first + c] ?? 0)))
    })
  })
}

/** What is not a layer's own loops over what a step read: too dear to be computed whole, or no layer's. */
const truths: { readonly [Kind in StepKind]?: StepTruth<Kind> } = {
  'fold-scale': compareFolded,
  'conv-forward': compareConvForward,
  'conv-weights-gradient': compareConvWeightsGradient,
  'conv-input-gradient': compareConvInputGradient,
  'grouped-conv-forward': compareConvForward,
  'grouped-conv-weights-gradient': compareConvWeightsGradient,
  'grouped-conv-input-gradient': compareConvInputGradient,

  'output-gradient'({ reads, writes, options }, plan, look, share) {
    const knownView = reads.sums ?? reads.output
    const gradients = wholeImages(writes.gradient, look, share, (image, truth) => {
      const outputGradient = image(reads.outputGradient)
      const known = knownView ? image(knownView) : outputGradient
      const gradients = new Float64Array(truth.shape[3])
      eachPixel(truth, (n, y, x) => {
        const [at, from] = [pixelAt(known, n, y, x), pixelAt(outputGradient, n, y, x)]
        gradientsThrough(options, known, at, outputGradient, from, gradients)
        truth.values.set(gradients, pixelAt(truth, n, y, x))
      })
    })
    if (!writes.biasesGradient) return gradients
    const comparer = new Comparer(writes.biasesGradient)
    const channels = channelsOfShare(reads.outputGradient, share)
    const [sums, squares] = [new Float64Array(channels.count), new Float64Array(channels.count)]
    const row = new Float64Array(channels.count)
    for (let n = 0; n < plan.batch && channels.count > 0; n++) {
      scratch.clear()
      const imageOf = (view: View) => denseImage(cutGrid(look(view), channels), n, scratch)
      const given = imageOf(reads.outputGradient)
      const known = knownView ? imageOf(knownView) : given
      for (let at = 0; at < given.values.length; at += row.length) {
        gradientsThrough(options, known, at, given, at, row)
        for (let i = 0; i < row.length; i++) {
          sums[i]! += row[i]!
          squares[i]! += row[i]! ** 2
        }
      }
    }
    const written = look(writes.biasesGradient)
    sums.forEach((sum, i) => {
      comparer.addSum(written.values[written.offset + channels.first + i]!, sum, squares[i]!)
    })
    return [...gradients, comparer.result()]
  },

  'dense-forward'({ reads, writes, options }, _plan, look, share) {
    const [input, output, weights] = [look(reads.input), look(writes.output), look(reads.weights)]
    const biases = reads.biases ? denseParameter(look(reads.biases)) : null
    const [images, , , units] = output.shape
    const positions = samplePositions(
      [images, Math.ceil(units / UNITS_AT_ONCE)],
      blocksFor(MIN_SAMPLES, Math.min(UNITS_AT_ONCE, units)),
    )
    return sampled(writes.output, positions, share, ([n, block], comparer) => {
      const [first, sums] = blockOf(block!, units, UNITS_AT_ONCE)
      if (biases) sums.set(biases.subarray(first, first + sums.length))
      eachInput(input, n!, (at, row) =>
        addRow(sums, input.values[at]!, weights.values, pixelAt(weights, 0, 0, row) + first),
      )
      const to = pixelAt(output, n!, 0, 0) + first
      sums.forEach((sum, u) => {
        comparer.add(output.values[to + u]!, activate(options, sum))
      })
    })
  },

  'dense-weights-gradient'({ reads, writes }, _plan, look, share) {
    const [input, gradient, written] = [look(reads.input), look(reads.gradient), look(writes.weightsGradient)]
    const [, , inputs, units] = written.shape
    const [images, , width, channels] = input.shape
    const positions = samplePositions(
      [inputs, Math.ceil(units / UNITS_AT_ONCE)],
      blocksFor(MIN_SAMPLES, Math.min(UNITS_AT_ONCE, units)),
    )
    return sampled(writes.weightsGradient, positions, share, ([row, block], comparer) => {
      const [first, sums] = blockOf(block!, units, UNITS_AT_ONCE)
      const pixel = Math.floor(row! / channels)
      for (let n = 0; n < images; n++) {
        const at = pixelAt(input, n, Math.floor(pixel / width), pixel % width) + (row! % channels)
        addRow(sums, input.values[at]!, gradient.values, pixelAt(gradient, n, 0, 0) + first)
      }
      const to = pixelAt(written, 0, 0, row!) + first
      sums.forEach((sum, u) => {
        comparer.add(written.values[to + u]!, sum)
      })
    })
  },

  'dense-input-gradient'({ reads, writes }, _plan, look, share) {
    const [gradient, weights, written] = [
      look(reads.gradient),
      look(reads.weights),
      look(writes.inputGradient),
    ]
    const [images, height, width, channels] = written.shape
    const units = gradient.shape[3]
    const positions = samplePositions([images, height * width * channels])
    return sampled(writes.inputGradient, positions, share, ([n, row], comparer) => {
      const [from, w] = [pixelAt(gradient, n!, 0, 0), pixelAt(weights, 0, 0, row!)]
      let sum = 0
      for (let u = 0; u < units; u++) sum += gradient.values[from + u]! * weights.values[w + u]!
      const pixel = Math.floor(row! / channels)
      const to = pixelAt(written, n!, Math.floor(pixel / width), pixel % width) + (row! % channels)
      comparer.add(written.values[to]!, sum)
    })
  },

  // Of any layer that has an activation.
  'activation-forward': ({ reads, writes, options }, _plan, look, share) =>
    wholeImages(writes.output, look, share, (image, truth) => {
      const input = image(reads.input)
      const channels = truth.shape[3]
      eachPixel(truth, (n, y, x) => {
        const [to, from] = [pixelAt(truth, n, y, x), pixelAt(input, n, y, x)]
        for (let c = 0; c < channels; c++) truth.values[to + c] = input.values[from + c]!
        activateAll(options, truth.values, to, channels)
      })
    }),
  'activation-backward': ({ reads, writes, options }, _plan, look, share) =>
    wholeImages(writes.inputGradient, look, share, (image, truth) => {
      const [known, outputGradient] = [image((reads.input ?? reads.output)!), image(reads.outputGradient)]
      const gradients = new Float64Array(truth.shape[3])
      eachPixel(truth, (n, y, x) => {
        const [at, from] = [pixelAt(known, n, y, x), pixelAt(outputGradient, n, y, x)]
        gradientsThrough(options, known, at, outputGradient, from, gradients)
        const to = pixelAt(truth, n, y, x)
        for (let c = 0; c < gradients.length; c++) truth.values[to + c]! += gradients[c]!
      })
    }),

  /** From the sums that the step reads, so that no image needs the others. */
  'batch-norm-input-gradient'({ layer: name, reads, writes, options }, plan, look, share) {
    const { layer } = plan.network.layers.find(({ layer }) => layer.name === name)!
    const dense = (view: View) => denseParameter(look(view))
    const { input, mean, shift, scaleGradient, shiftGradient } = reads
    const scale = dense(reads.scale)
    const variance = dense(reads.variance)
    // Of running statistics the step reads neither: they are not computed with.
    const moments = { mean: mean ? dense(mean) : variance, variance }
    const ofBatch = scaleGradient &&
      shiftGradient && {
        sums: { scale: dense(scaleGradient), shift: dense(shiftGradient) },
        count: plan.batch * writes.inputGradient.shape[1] * writes.inputGradient.shape[2],
      }
    const sumsOf =
      input &&
      shift &&
      ((image: (view: View) => Grid): Grid => {
        const { shape } = input
        const output = denseGrid(new Float64Array(elementCount(shape.slice(1))), 1, shape.slice(1))
        const parameters = { scale, shift: dense(shift), ...moments }
        const own = { ...(layer.options as BatchNormOptions), activation: undefined }
        batchNormDefinition.forward({
          name,
          options: own,
          turn: 0,
          inputs: [image(input)],
          parameters,
          output,
        })
        return output
      })
    return wholeImages(writes.inputGradient, look, share, (image, truth) => {
      const outputGradient = image(reads.outputGradient)
      const grids = {
        input: input ? image(input) : outputGradient,
        known: reads.output ? image(reads.output) : (sumsOf?.(image) ?? outputGradient),
        outputGradient,
        inputGradient: truth,
      }
      addInputGradient(
        { ...(layer.options as BatchNormOptions), ...options },
        scale,
        moments,
        ofBatch ?? null,
        grids,
      )
    })
  },
  'add-input-gradient': compareBroadcastGradient,
  'multiply-input-gradient': compareBroadcastGradient,
  'subtract-input-gradient': compareBroadcastGradient,
  'divide-input-gradient': compareBroadcastGradient,
  'maximum-input-gradient': compareBroadcastGradient,
  'minimum-input-gradient': compareBroadcastGradient,

  'batch-norm-statistics': compareStatistics,
  'batch-norm-follow': compareRunningStatistics,

  'accumulate-gradient': ({ reads, options }, _plan, look, share) => {
    const truth = rowsBefore(reads.total, look, share)
    const gradient = denseRows(look(reads.gradient), rowsOfShare(reads.gradient, share))
    for (let i = 0; i < truth.values.length; i++) truth.values[i]! += options.share * gradient.values[i]!
    return [compareRows(reads.total, look, share, truth)]
  },

  'clip-gradients'({ reads, writes, options }, _plan, look, share) {
    const [norm, factor] = [new Comparer(writes.norm), new Comparer(writes.factor)]
    if (share.index === 0) {
      let squares = 0
      for (const view of Object.values(reads)) {
        for (const value of denseRows(look(view), [0, view.shape[2]]).values) squares += value * value
      }
      const truth = Math.sqrt(squares)
      norm.add(numberAt(writes.norm, look), truth)
      factor.add(numberAt(writes.factor, look), truth > options.limit ? options.limit / truth : 1)
    }
    return [norm.result(), factor.result()]
  },

  'sgd-update': compareUpdate,
  'adam-update': compareUpdate,

  'sum-gradients': ({ reads, writes }, _plan, look, share) =>
    wholeImages(writes.sum, look, share, (image, truth) => {
      const other = image(reads.other)
      eachPixel(truth, (n, y, x) => {
        const [to, from] = [pixelAt(truth, n, y, x), pixelAt(other, n, y, x)]
        for (let c = 0; c < truth.shape[3]; c++) truth.values[to + c]! += other.values[from + c]!
      })
    }),
}

/** By the optimizer's plain loop, from what parameter and states were before. */
function compareUpdate(
  step: StepOfKind<'sgd-update' | 'adam-update'>,
  _plan: StepsOf,
  look: Look,
  share: Share,
): Comparison[] {
  const { parameter, gradient, rates, factor } = step.reads
  const definition = optimizerOf(step.options)
  const states = definition.states.map((name) => (step.writes as Readonly<Record<string, View>>)[name]!)
  const before = (view: View) => rowsBefore(view, look, share)
  const truth = { parameter: before(parameter), states: states.map(before) }
  const cleared = step.writes.gradient
  definition.update({
    ...truth,
    options: step.options,
    rates: Array.from({ length: RATES }, (_, i) => numberAt(rates, look, i)),
    factor: factor ? numberAt(factor, look) : 1,
    gradient: cleared ? before(gradient) : denseRows(look(gradient), rowsOfShare(gradient, share)),
  })
  const compared = [
    compareRows(parameter, look, share, truth.parameter),
    ...states.map((view, i) => compareRows(view, look, share, truth.states[i]!)),
  ]
  if (!cleared) return compared
  const zeros = denseGrid(new Float64Array(truth.parameter.values.length), 1, truth.parameter.shape.slice(1))
  return [...compared, compareRows(cleared, look, share, zeros)]
}

export function compareStep(step: Step, plan: StepsOf, look: Look, share: Share): Comparison[] {
  const truth = (truths[step.kind] ?? compareWithLoops) as StepTruth<StepKind>
  return truth(step as never, plan, look, share)
}
