import { activate, activateAll, biasesGradient, gradientsThrough } from '../layers/activation.ts'
import { addInputGradient, type BatchNormOptions } from '../layers/batch-norm.ts'
import { convolvePixel, inputGradientPixel, weightsGradientRow } from '../layers/conv.ts'
import { eachInput } from '../layers/dense.ts'
import { optimizerOf, RATES } from '../optimizers/index.ts'
import type { Step, StepKind, StepOfKind } from '../plan/steps.ts'
import type { View } from '../plan/views.ts'
import { denseGrid, eachPixel, type Grid, pixelAt } from '../tensor.ts'
import {
  Comparer,
  type Comparison,
  compareRows,
  denseParameter,
  denseRows,
  imageOf,
  type Look,
  numberAt,
  rowsBefore,
  rowsOfShare,
  wholeImages,
} from './comparison.ts'
import { compareRunningStatistics, compareStatistics, compareWithLoops, type StepsOf } from './own-loops.ts'
import type { Share } from './parts.ts'
import { MIN_SAMPLES, sampled, samplePositions } from './sampling.ts'

/** Recomputes what a step wrote, in float64 and from the engine's own inputs to it, and compares. */
type StepTruth<Kind extends StepKind> = (
  step: StepOfKind<Kind>,
  plan: StepsOf,
  look: Look,
  share: Share,
) => Comparison[]

const FILTERS_AT_ONCE = 4
/** Pixels that sampled sums go over, all together, beyond those that every axis takes: a tenth of a second. */
const MOST_VISITS = 1e7
/** A line of the cache. */
const UNITS_AT_ONCE = 16

/** sums += value * values[from...] */
function addRow(sums: Float64Array, value: number, values: Grid['values'], from: number): void {
  for (let i = 0; i < sums.length; i++) sums[i]! += value * values[from + i]!
}

/** What is not a layer's own loops over what a step read: too dear to be computed whole, or no layer's. */
const truths: { readonly [Kind in StepKind]?: StepTruth<Kind> } = {
  'conv-forward'({ reads, writes, options }, _plan, look, share) {
    const [input, output] = [look(reads.input), look(writes.output)]
    const weights = denseParameter(look(reads.weights))
    const biases = reads.biases ? denseParameter(look(reads.biases)) : null
    const sum = new Float64Array(1)
    return sampled(writes.output, samplePositions(output.shape), share, ([n, y, x, f], comparer) => {
      convolvePixel(options.geometry, input, weights, biases, n!, y!, x!, f!, sum)
      comparer.add(output.values[pixelAt(output, n!, y!, x!) + f!]!, activate(options, sum[0]!))
    })
  },

  'output-gradient'({ reads, writes, options }, _plan, look, share) {
    const goThrough = (output: Grid, outputGradient: Grid, truth: Grid): void => {
      const [, height, width, filters] = truth.shape
      const gradients = new Float64Array(filters)
      for (let y = 0; y < height; y++) {
        for (let x = 0; x < width; x++) {
          const [to, from] = [pixelAt(truth, 0, y, x), pixelAt(outputGradient, 0, y, x)]
          const at = pixelAt(output, 0, y, x)
          gradientsThrough(options, output, at, outputGradient, from, gradients)
          truth.values.set(gradients, to)
        }
      }
    }
    const gradients = wholeImages(writes.gradient, look, share, (image, truth) =>
      goThrough(image(reads.output ?? reads.outputGradient), image(reads.outputGradient), truth),
    )
    if (!writes.biasesGradient) return gradients
    const comparer = new Comparer(writes.biasesGradient)
    if (share.index === 0) {
      const outputGradient = look(reads.outputGradient)
      const output = reads.output ? look(reads.output) : outputGradient
      const [images, height, width, filters] = output.shape
      const [sums, squares] = [new Float64Array(filters), new Float64Array(filters)]
      const truth = denseGrid(new Float64Array(height * width * filters), 1, [height, width, filters])
      for (let n = 0; n < images; n++) {
        goThrough(imageOf(output, n), imageOf(outputGradient, n), truth)
        biasesGradient(truth, 0, sums)
        truth.values.forEach((value, i) => {
          squares[i % filters]! += value * value
        })
      }
      const written = look(writes.biasesGradient)
      sums.forEach((sum, f) => {
        comparer.addSum(written.values[written.offset + f]!, sum, squares[f]!)
      })
    }
    return [...gradients, comparer.result()]
  },

  'conv-weights-gradient'({ reads, writes, options }, _plan, look, share) {
    const [input, gradient, written] = [look(reads.input), look(reads.gradient), look(writes.weightsGradient)]
    const { kernelHeight, kernelWidth } = options.geometry
    const [channels, filters] = [input.shape[3], gradient.shape[3]]
    const extents = [kernelHeight, kernelWidth, channels, Math.ceil(filters / FILTERS_AT_ONCE)]
    // Each sum goes over all images, and a few filters side by side cost little more than one.
    const [images, height, width] = gradient.shape
    const affordable = Math.floor(MOST_VISITS / (images * height * width))
    const positions = samplePositions(extents, Math.min(MIN_SAMPLES / FILTERS_AT_ONCE, affordable))
    return sampled(writes.weightsGradient, positions, share, ([ky, kx, c, block], comparer) => {
      const first = block! * FILTERS_AT_ONCE
      const sums = new Float64Array(Math.min(FILTERS_AT_ONCE, filters - first))
      weightsGradientRow(options.geometry, input, gradient, ky!, kx!, c!, first, sums)
      const at = pixelAt(written, 0, 0, (ky! * kernelWidth + kx!) * channels + c!) + first
      sums.forEach((sum, i) => {
        comparer.add(written.values[at + i]!, sum)
      })
    })
  },

  'conv-input-gradient'({ reads, writes, options }, _plan, look, share) {
    const [gradient, written] = [look(reads.gradient), look(writes.inputGradient)]
    const weights = denseParameter(look(reads.weights))
    const channels = written.shape[3]
    const sum = new Float64Array(1)
    return sampled(writes.inputGradient, samplePositions(written.shape), share, ([n, y, x, c], comparer) => {
      inputGradientPixel(options.geometry, gradient, weights, channels, n!, y!, x!, c!, sum)
      comparer.add(written.values[pixelAt(written, n!, y!, x!) + c!]!, sum[0]!)
    })
  },

  'dense-forward'({ reads, writes, options }, _plan, look, share) {
    const [input, output, weights] = [look(reads.input), look(writes.output), look(reads.weights)]
    const biases = reads.biases ? denseParameter(look(reads.biases)) : null
    const [images, , , units] = output.shape
    // Units side by side: a row of the weights is as far from memory for one as for a line of the cache.
    const positions = samplePositions([images, Math.ceil(units / UNITS_AT_ONCE)], MIN_SAMPLES / UNITS_AT_ONCE)
    return sampled(writes.output, positions, share, ([n, block], comparer) => {
      const first = block! * UNITS_AT_ONCE
      const sums = new Float64Array(Math.min(UNITS_AT_ONCE, units - first))
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
    const positions = samplePositions([inputs, Math.ceil(units / UNITS_AT_ONCE)], MIN_SAMPLES / UNITS_AT_ONCE)
    return sampled(writes.weightsGradient, positions, share, ([row, block], comparer) => {
      const first = block! * UNITS_AT_ONCE
      const sums = new Float64Array(Math.min(UNITS_AT_ONCE, units - first))
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
      const [output, outputGradient] = [image(reads.output), image(reads.outputGradient)]
      const gradients = new Float64Array(truth.shape[3])
      eachPixel(truth, (n, y, x) => {
        const [at, from] = [pixelAt(output, n, y, x), pixelAt(outputGradient, n, y, x)]
        gradientsThrough(options, output, at, outputGradient, from, gradients)
        const to = pixelAt(truth, n, y, x)
        for (let c = 0; c < gradients.length; c++) truth.values[to + c]! += gradients[c]!
      })
    }),

  /** From the sums that the step reads, so that no image needs the others. */
  'batch-norm-input-gradient'({ layer: name, reads, writes }, plan, look, share) {
    const { layer } = plan.network.layers.find(({ layer }) => layer.name === name)!
    const dense = (view: View) => denseParameter(look(view))
    const moments = { mean: dense(reads.mean), variance: dense(reads.variance) }
    const { scaleGradient, shiftGradient } = reads
    const ofBatch = scaleGradient &&
      shiftGradient && {
        sums: { scale: dense(scaleGradient), shift: dense(shiftGradient) },
        count: plan.batch * reads.input.shape[1] * reads.input.shape[2],
      }
    const scale = dense(reads.scale)
    return wholeImages(writes.inputGradient, look, share, (image, truth) => {
      const outputGradient = image(reads.outputGradient)
      const grids = {
        input: image(reads.input),
        output: reads.output ? image(reads.output) : outputGradient,
        outputGradient,
        inputGradient: truth,
      }
      addInputGradient(layer.options as BatchNormOptions, scale, moments, ofBatch ?? null, grids)
    })
  },
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
