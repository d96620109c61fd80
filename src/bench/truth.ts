import { activate, biasesGradient, gradientThrough } from '../layers/activation.ts'
import { convolvePixel, inputGradientPixel, weightsGradientRow } from '../layers/conv.ts'
import { eachInput } from '../layers/dense.ts'
import { layerDefinitions } from '../layers/index.ts'
import { optimizerOf, RATES } from '../optimizers/index.ts'
import type { Step, StepKind, StepOfKind } from '../plan/steps.ts'
import type { View } from '../plan/views.ts'
import { denseGrid, elementCount, type Grid, pixelAt } from '../tensor.ts'
import type { Share } from './parts.ts'

/** Sums over the values of a tensor that were compared: they add up over workers. */
export interface Comparison {
  readonly tensor: string
  /** Given the engine's own inputs to the step, or the network's inputs. */
  readonly kind: 'step' | 'end to end'
  readonly differenceSquares: number
  readonly truthSquares: number
  /** Of one value. */
  readonly largestDifference: number
  readonly values: number
}

/** Where the engine has a tensor; `before` what a step changes in place stood there before it ran, of this share's rows. */
export interface Look {
  (view: View): Grid
  readonly before?: (view: View) => Grid
}

/** Recomputes what a step wrote, in float64 and from the engine's own inputs to it, and compares. */
type StepTruth<Kind extends StepKind> = (step: StepOfKind<Kind>, look: Look, share: Share) => Comparison[]

class Comparer {
  readonly #tensor: string
  readonly #kind: Comparison['kind']
  #differenceSquares = 0
  #truthSquares = 0
  #largestDifference = 0
  #values = 0

  constructor(view: View, kind: Comparison['kind'] = 'step') {
    this.#tensor = view.tensor
    this.#kind = kind
  }

  add(value: number, truth: number): void {
    const difference = value - truth
    this.#differenceSquares += difference * difference
    this.#truthSquares += truth * truth
    this.#largestDifference = Math.max(this.#largestDifference, Math.abs(difference)) // which keeps a NaN
    this.#values++
  }

  /** Compares an image of the engine's with a dense one. */
  image(engine: Grid, truth: Grid): void {
    const [, height, width, channels] = engine.shape
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        const [from, at] = [pixelAt(engine, 0, y, x), pixelAt(truth, 0, y, x)]
        for (let c = 0; c < channels; c++) this.add(engine.values[from + c]!, truth.values[at + c]!)
      }
    }
  }

  result(): Comparison {
    return {
      tensor: this.#tensor,
      kind: this.#kind,
      differenceSquares: this.#differenceSquares,
      truthSquares: this.#truthSquares,
      largestDifference: this.#largestDifference,
      values: this.#values,
    }
  }
}

function imageOf(grid: Grid, image: number): Grid {
  const [, height, width, channels] = grid.shape
  return { ...grid, offset: grid.offset + image * grid.imagePitch, shape: [1, height, width, channels] }
}

/** The images of this share. */
function* imagesOf(grid: Grid, share: Share): Generator<number> {
  for (let image = share.index; image < grid.shape[0]; image += share.count) yield image
}

/** Computes image by image: all values, for steps that are cheap. */
function wholeImages(
  view: View,
  look: Look,
  share: Share,
  compute: (image: (other: View) => Grid, truth: Grid) => void,
): Comparison[] {
  const written = look(view)
  const [, height, width, channels] = written.shape
  const comparer = new Comparer(view)
  // One for all images: what is garbage after each of them may be collected late, and memory may be short.
  const values = new Float64Array(height * width * channels)
  const truth = denseGrid(values, 1, [height, width, channels])
  for (const n of imagesOf(written, share)) {
    values.fill(0)
    compute((other) => imageOf(look(other), n), truth)
    comparer.image(imageOf(written, n), truth)
  }
  return [comparer.result()]
}

/** All values too, at once: for steps that know an image's place in the batch. One share does it. */
function wholeBatch(view: View, look: Look, share: Share, compute: (truth: Grid) => void): Comparison[] {
  const written = look(view)
  const [images, ...image] = written.shape
  const comparer = new Comparer(view)
  if (share.index === 0) {
    const truth = denseGrid(new Float64Array(elementCount(written.shape)), images, image)
    compute(truth)
    for (let n = 0; n < images; n++) comparer.image(imageOf(written, n), imageOf(truth, n))
  }
  return [comparer.result()]
}

/** At least so many values of a step that is too dear to be recomputed whole. */
const MIN_SAMPLES = 2000
const FILTERS_AT_ONCE = 4
/** A line of the cache. */
const UNITS_AT_ONCE = 16

/**
 * Positions to compare: along every axis each index at least once, the rest spread by a fixed sequence. So every image,
 * every filter (and block of them), every edge and every place in a tile is among them.
 */
export function samplePositions(extents: readonly number[], atLeast = MIN_SAMPLES): number[][] {
  const samples: number[][] = []
  let state = 0x9e3779b9
  const random = (below: number): number => {
    state = Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + 0x6d2b79f5
    return ((state ^ (state >>> 13)) >>> 0) % below
  }
  const anywhere = () => extents.map(random)
  extents.forEach((extent, axis) => {
    for (let index = 0; index < extent; index++) samples.push(anywhere().with(axis, index))
  })
  // The corners of all axes together.
  for (let corner = 0; corner < 2 ** extents.length; corner++) {
    samples.push(extents.map((extent, axis) => ((corner >> axis) & 1 ? extent - 1 : 0)))
  }
  while (samples.length < atLeast) samples.push(anywhere())
  return samples
}

/** sums += value * values[from...] */
function addRow(sums: Float64Array, value: number, values: Grid['values'], from: number): void {
  for (let i = 0; i < sums.length; i++) sums[i]! += value * values[from + i]!
}

function sampled(
  view: View,
  positions: readonly (readonly number[])[],
  share: Share,
  compare: (position: readonly number[], comparer: Comparer) => void,
): Comparison[] {
  const comparer = new Comparer(view)
  positions.forEach((position, i) => {
    if (i % share.count === share.index) compare(position, comparer)
  })
  return [comparer.result()]
}

/** A parameter's rows without what the engine puts between them. */
export function denseParameter(grid: Grid): Float64Array {
  const [, , rows, columns] = grid.shape
  const dense = new Float64Array(rows * columns)
  for (let row = 0; row < rows; row++) {
    const from = pixelAt(grid, 0, 0, row)
    for (let column = 0; column < columns; column++)
      dense[row * columns + column] = grid.values[from + column]!
  }
  return dense
}

/** The table step kind -> truth. A kind without one does not compile. */
const truths: { readonly [Kind in StepKind]: StepTruth<Kind> } = {
  'conv-forward'({ reads, writes, options }, look, share) {
    const [input, output] = [look(reads.input), look(writes.output)]
    const weights = denseParameter(look(reads.weights))
    const biases = denseParameter(look(reads.biases))
    const sum = new Float64Array(1)
    return sampled(writes.output, samplePositions(output.shape), share, ([n, y, x, f], comparer) => {
      convolvePixel(options.geometry, input, weights, biases, n!, y!, x!, f!, sum)
      comparer.add(output.values[pixelAt(output, n!, y!, x!) + f!]!, activate(options, sum[0]!))
    })
  },

  'output-gradient'({ reads, writes, options }, look, share) {
    const goThrough = (output: Grid, outputGradient: Grid, truth: Grid): void => {
      const [, height, width, filters] = truth.shape
      for (let y = 0; y < height; y++) {
        for (let x = 0; x < width; x++) {
          const [to, from] = [pixelAt(truth, 0, y, x), pixelAt(outputGradient, 0, y, x)]
          const at = pixelAt(output, 0, y, x)
          for (let f = 0; f < filters; f++) {
            const [value, gradient] = [output.values[at + f]!, outputGradient.values[from + f]!]
            truth.values[to + f] = gradientThrough(options, value, gradient)
          }
        }
      }
    }
    const gradients = wholeImages(writes.gradient, look, share, (image, truth) =>
      goThrough(image(reads.output), image(reads.outputGradient), truth),
    )
    const comparer = new Comparer(writes.biasesGradient)
    if (share.index === 0) {
      const [output, outputGradient] = [look(reads.output), look(reads.outputGradient)]
      const [images, height, width, filters] = output.shape
      const sums = new Float64Array(filters)
      const truth = denseGrid(new Float64Array(height * width * filters), 1, [height, width, filters])
      for (let n = 0; n < images; n++) {
        goThrough(imageOf(output, n), imageOf(outputGradient, n), truth)
        biasesGradient(truth, 0, sums)
      }
      comparer.image(look(writes.biasesGradient), denseGrid(sums, 1, [filters]))
    }
    return [...gradients, comparer.result()]
  },

  'conv-weights-gradient'({ reads, writes, options }, look, share) {
    const [input, gradient, written] = [look(reads.input), look(reads.gradient), look(writes.weightsGradient)]
    const { kernelHeight, kernelWidth } = options.geometry
    const [channels, filters] = [input.shape[3], gradient.shape[3]]
    const extents = [kernelHeight, kernelWidth, channels, filters]
    // Each sum goes over all images, and a few filters side by side cost little more than one.
    const positions = samplePositions(extents, MIN_SAMPLES / FILTERS_AT_ONCE)
    return sampled(writes.weightsGradient, positions, share, ([ky, kx, c, f], comparer) => {
      const sums = new Float64Array(Math.min(FILTERS_AT_ONCE, filters - f!))
      weightsGradientRow(options.geometry, input, gradient, ky!, kx!, c!, f!, sums)
      const at = pixelAt(written, 0, 0, (ky! * kernelWidth + kx!) * channels + c!) + f!
      sums.forEach((sum, i) => {
        comparer.add(written.values[at + i]!, sum)
      })
    })
  },

  'conv-input-gradient'({ reads, writes, options }, look, share) {
    const [gradient, written] = [look(reads.gradient), look(writes.inputGradient)]
    const weights = denseParameter(look(reads.weights))
    const channels = written.shape[3]
    const sum = new Float64Array(1)
    return sampled(writes.inputGradient, samplePositions(written.shape), share, ([n, y, x, c], comparer) => {
      inputGradientPixel(options.geometry, gradient, weights, channels, n!, y!, x!, c!, sum)
      comparer.add(written.values[pixelAt(written, n!, y!, x!) + c!]!, sum[0]!)
    })
  },

  'dense-forward'({ reads, writes, options }, look, share) {
    const [input, output, weights] = [look(reads.input), look(writes.output), look(reads.weights)]
    const biases = look(reads.biases)
    const [images, , , units] = output.shape
    // Units side by side: a row of the weights is as far from memory for one as for a line of the cache.
    const positions = samplePositions([images, Math.ceil(units / UNITS_AT_ONCE)], MIN_SAMPLES / UNITS_AT_ONCE)
    return sampled(writes.output, positions, share, ([n, block], comparer) => {
      const first = block! * UNITS_AT_ONCE
      const from = pixelAt(biases, 0, 0, 0) + first
      const sums = Float64Array.from(
        biases.values.subarray(from, from + Math.min(UNITS_AT_ONCE, units - first)),
      )
      eachInput(input, n!, (at, row) =>
        addRow(sums, input.values[at]!, weights.values, pixelAt(weights, 0, 0, row) + first),
      )
      const to = pixelAt(output, n!, 0, 0) + first
      sums.forEach((sum, u) => {
        comparer.add(output.values[to + u]!, activate(options, sum))
      })
    })
  },

  'dense-weights-gradient'({ reads, writes }, look, share) {
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

  'dense-input-gradient'({ reads, writes }, look, share) {
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

  'activation-forward': ({ layer: name, reads, writes, options }, look, share) =>
    wholeImages(writes.output, look, share, (image, output) => {
      const inputs = [image(reads.input)]
      layerDefinitions[options.activation].forward({ name, options: {}, inputs, parameters: {}, output })
    }),

  'activation-backward': ({ layer: name, reads, writes, options }, look, share) =>
    wholeImages(writes.inputGradient, look, share, (image, truth) => {
      layerDefinitions[options.activation].backward({
        name,
        options: {},
        inputs: [],
        parameters: {},
        output: image(reads.output),
        outputGradient: image(reads.outputGradient),
        inputGradients: [truth],
        parameterGradients: {},
      })
    }),

  'lrn-forward': ({ layer: name, reads, writes, options }, look, share) =>
    wholeImages(writes.output, look, share, (image, output) => {
      layerDefinitions.lrn.forward({ name, options, inputs: [image(reads.input)], parameters: {}, output })
    }),

  'lrn-backward': ({ layer: name, reads, writes, options }, look, share) =>
    wholeImages(writes.inputGradient, look, share, (image, truth) => {
      layerDefinitions.lrn.backward({
        name,
        options,
        inputs: [image(reads.input)],
        parameters: {},
        output: truth,
        outputGradient: image(reads.outputGradient),
        inputGradients: [truth],
        parameterGradients: {},
      })
    }),

  'dropout-forward': ({ layer: name, reads, writes, options }, look, share) =>
    wholeBatch(writes.output, look, share, (output) => {
      layerDefinitions.dropout.forward({
        name,
        options,
        turn: turnOf(reads.turn, look),
        inputs: [look(reads.input)],
        parameters: {},
        output,
      })
    }),

  'dropout-backward': ({ layer: name, reads, writes, options }, look, share) =>
    wholeBatch(writes.inputGradient, look, share, (truth) => {
      layerDefinitions.dropout.backward({
        name,
        options,
        turn: turnOf(reads.turn, look),
        inputs: [],
        parameters: {},
        output: truth,
        outputGradient: look(reads.outputGradient),
        inputGradients: [truth],
        parameterGradients: {},
      })
    }),

  'max-pool-forward': ({ layer: name, reads, writes, options }, look, share) =>
    wholeImages(writes.output, look, share, (image, output) => {
      layerDefinitions['max-pool'].forward({
        name,
        options: windowOptions(options.geometry),
        inputs: [image(reads.input)],
        parameters: {},
        output,
      })
    }),

  'max-pool-backward': ({ layer: name, reads, writes, options }, look, share) =>
    wholeImages(writes.inputGradient, look, share, (image, truth) => {
      layerDefinitions['max-pool'].backward({
        name,
        options: windowOptions(options.geometry),
        inputs: [image(reads.input)],
        parameters: {},
        output: image(reads.output),
        outputGradient: image(reads.outputGradient),
        inputGradients: [truth],
        parameterGradients: {},
      })
    }),

  'l2-loss-forward'({ layer: name, reads, writes }, look, share) {
    const comparer = new Comparer(writes.output)
    if (share.index === 0) {
      const truth = denseGrid(new Float64Array(1), 1, [])
      layerDefinitions['l2-loss'].forward({
        name,
        options: {},
        inputs: [look(reads.input)],
        parameters: {},
        output: truth,
      })
      const written = look(writes.output)
      comparer.add(written.values[written.offset]!, truth.values[0]!)
    }
    return [comparer.result()]
  },

  'l2-loss-backward': ({ layer: name, reads, writes }, look, share) =>
    wholeImages(writes.inputGradient, look, share, (image, truth) => {
      layerDefinitions['l2-loss'].backward({
        name,
        options: {},
        inputs: [image(reads.input)],
        parameters: {},
        output: truth,
        outputGradient: denseGrid(Float64Array.of(1), 1, []),
        inputGradients: [truth],
        parameterGradients: {},
      })
    }),

  'softmax-loss-forward'({ layer: name, reads, writes }, look, share) {
    const comparer = new Comparer(writes.output)
    if (share.index === 0) {
      const truth = denseGrid(new Float64Array(1), 1, [])
      const inputs = [look(reads.logits), look(reads.labels)]
      layerDefinitions['softmax-loss'].forward({ name, options: {}, inputs, parameters: {}, output: truth })
      const written = look(writes.output)
      comparer.add(written.values[written.offset]!, truth.values[0]!)
    }
    return [comparer.result()]
  },

  'softmax-loss-backward': ({ layer: name, reads, writes }, look, share) =>
    wholeImages(writes.inputGradient, look, share, (image, truth) => {
      layerDefinitions['softmax-loss'].backward({
        name,
        options: {},
        inputs: [image(reads.logits), image(reads.labels)],
        parameters: {},
        output: truth,
        // Of the batch's mean, an image's own loss is a part.
        outputGradient: denseGrid(Float64Array.of(1 / reads.logits.shape[0]), 1, []),
        inputGradients: [truth, null],
        parameterGradients: {},
      })
    }),

  'accumulate-gradient': ({ reads, options }, look, share) => {
    const truth = rowsBefore(reads.total, look, share)
    const gradient = denseRows(look(reads.gradient), rowsOfShare(reads.gradient, share))
    for (let i = 0; i < truth.values.length; i++) truth.values[i]! += options.share * gradient.values[i]!
    return [compareRows(reads.total, look, share, truth)]
  },

  'clip-gradients'({ reads, writes, options }, look, share) {
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

  'sum-gradients': ({ reads, writes }, look, share) =>
    wholeImages(writes.sum, look, share, (image, truth) => {
      const [a, b] = [image(reads.a), image(reads.b)]
      const [, height, width, channels] = truth.shape
      for (let y = 0; y < height; y++) {
        for (let x = 0; x < width; x++) {
          const to = pixelAt(truth, 0, y, x)
          for (let c = 0; c < channels; c++) {
            truth.values[to + c] = a.values[pixelAt(a, 0, y, x) + c]! + b.values[pixelAt(b, 0, y, x) + c]!
          }
        }
      }
    }),
}

/** The rows of a parameter's shape that are this share's. */
export function rowsOfShare(view: View, { index, count }: Share): readonly [first: number, end: number] {
  const rows = view.shape[2]
  return [Math.floor((rows * index) / count), Math.floor((rows * (index + 1)) / count)]
}

/** Dense rows of this share, as they were before the step. */
function rowsBefore(view: View, look: Look, share: Share): Grid {
  if (!look.before) throw new Error(`'${view.tensor}' is changed in place, and nobody kept what it was`)
  return denseRows(look.before(view), rowsOfShare(view, share))
}

function denseRows(grid: Grid, [first, end]: readonly [number, number]): Grid {
  const columns = grid.shape[3]
  const values = new Float64Array((end - first) * columns)
  for (let row = first; row < end; row++) {
    const from = pixelAt(grid, 0, 0, row)
    for (let c = 0; c < columns; c++) values[(row - first) * columns + c] = grid.values[from + c]!
  }
  return denseGrid(values, 1, [1, end - first, columns])
}

function compareRows(view: View, look: Look, share: Share, truth: Grid): Comparison {
  const comparer = new Comparer(view)
  comparer.image(denseRows(look(view), rowsOfShare(view, share)), truth)
  return comparer.result()
}

/** A number that belongs to no layer. */
const numberAt = (view: View, look: Look, index = 0): number => {
  const grid = look(view)
  return grid.values[grid.offset + index]!
}

const turnOf = (view: View | undefined, look: Look): number => (view ? numberAt(view, look) : 0)

/** By the optimizer's plain loop, from what parameter and states were before. */
function compareUpdate(
  step: StepOfKind<'sgd-update' | 'adam-update'>,
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

const windowOptions = (g: StepOfKind<'max-pool-forward'>['options']['geometry']) => ({
  kernel: [g.kernelHeight, g.kernelWidth] as const,
  stride: [g.strideHeight, g.strideWidth] as const,
  padding: { top: g.top, bottom: g.bottom, left: g.left, right: g.right },
})

export function compareStep(step: Step, look: Look, share: Share): Comparison[] {
  return (truths[step.kind] as StepTruth<StepKind>)(step as never, look, share)
}

/** Compares an activation's first image with the reference's. */
export function compareImage(view: View, look: Look, truth: Float64Array): Comparison {
  const comparer = new Comparer(view, 'end to end')
  const [, ...image] = view.shape
  comparer.image(imageOf(look(view), 0), denseGrid(truth, 1, image))
  return comparer.result()
}

/** A digest of a tensor's bits, of this share's images: they add up over shares. Halo and padded channels left out. */
export function digest(view: View, look: Look, share: Share): number {
  const grid = look(view)
  const bits = new Uint32Array(grid.values.buffer)
  const [, height, width, channels] = grid.shape
  let sum = 0
  for (const n of imagesOf(grid, share)) {
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        const from = pixelAt(grid, n, y, x)
        for (let c = 0; c < channels; c++) sum = (Math.imul(sum, 31) + bits[from + c]!) | 0
      }
    }
  }
  return sum
}
