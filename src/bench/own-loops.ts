// What a layer's own plain loops make, in float64, of what the engine's step read: the truth of every step that is not too dear
// to be computed whole.
import { ofBatch } from '../engines/reference-network.ts'
import { type BroadcastKind, definitionOf, type LayerDefinition, spreadOf } from '../layers/index.ts'
import type { ResolvedLayer } from '../networks/network.ts'
import type { Plan } from '../plan/plan.ts'
import { goesForward, inputKey, type Step, type StepOfKind } from '../plan/steps.ts'
import type { View } from '../plan/views.ts'
import { asImageShape, denseGrid, type Grid, pixelAt } from '../tensor.ts'
import {
  beforeOf,
  type Channels,
  Comparer,
  type Comparison,
  channelsOfShare,
  cutGrid,
  denseImage,
  denseParameter,
  imageOf,
  imagesOfShare,
  type Look,
  numberAt,
  Scratch,
  wholeBatch,
  wholeImages,
} from './comparison.ts'
import type { Share } from './shared-tensors.ts'

/** What is known of the run that a step belongs to. */
export type StepsOf = Pick<Plan, 'network' | 'batch' | 'pass' | 'frozen'>

type Views = Readonly<Record<string, View | undefined>>

/** A step, and the layer whose loops it does. */
interface OwnStep {
  readonly layer: ResolvedLayer
  readonly definition: LayerDefinition<object>
  readonly options: object
  readonly reads: Views
  readonly writes: Views
  readonly batch: number
  /** Statistics that it reads are the batch's. */
  readonly isOfTraining: boolean
  readonly look: Look
}

/**
 * Steps name what they read and write as the loops do: inputs `input`, `input1` ..., `output`, `outputGradient`, parameters by
 * their names, their gradients as `scaleGradient` ... A step backward makes these, or one `inputGradient`: of the first input, or
 * of that whose `index` its options have.
 */
export function compareWithLoops(step: Step, plan: StepsOf, look: Look, share: Share): Comparison[] {
  const own = ownStep(step, plan, look)
  const { layer } = own
  const isWhole = isOfWholeBatch(step, plan)
  if (goesForward(step)) {
    const output = own.writes.output!
    return isWhole
      ? wholeBatch(output, look, share, (truth) => forward(own, look, truth))
      : wholeImages(output, look, share, (image, truth) => forward(own, image, truth))
  }
  const { inputGradient } = own.writes
  if (!inputGradient) return compareParameterGradients(own, share)
  const index = 'index' in step.options ? step.options.index : 0
  const backwardInto = (grid: (view: View) => Grid, truth: Grid) =>
    backward(
      own,
      grid,
      layer.inputs.map((_, i) => (i === index ? truth : null)),
      {},
    )
  return isWhole
    ? wholeBatch(inputGradient, look, share, (truth) => backwardInto(look, truth))
    : wholeImages(inputGradient, look, share, backwardInto)
}

function ownStep(step: Step, plan: StepsOf, look: Look): OwnStep {
  const layer = plan.network.layers.find(({ layer }) => layer.name === step.layer)!
  return {
    layer,
    definition: definitionOf(layer.layer) as LayerDefinition<object>,
    options: optionsOf(step, layer),
    reads: step.reads,
    writes: step.writes,
    batch: plan.batch,
    isOfTraining: plan.pass !== 'forward' && !plan.frozen.includes(step.layer),
    look,
  }
}

/** The layer's options, but with the activation that the step itself applies: the layer's may be a step of its own. */
const optionsOf = (step: Step, { layer }: ResolvedLayer): object =>
  'activation' in step.options ? { ...layer.options, activation: step.options.activation } : layer.options

/** Whether what the step makes of an image depends on its place in the batch, or it makes one thing of the whole batch. */
export function isOfWholeBatch(step: Step, { network, frozen }: StepsOf): boolean {
  const layer = network.layers.find(({ layer }) => layer.name === step.layer)
  if (!layer) return false
  const { usesTurns, isLoss, batchStatistics } = definitionOf(layer.layer)
  const isOfStatistics = batchStatistics !== undefined && !frozen.includes(step.layer)
  return goesForward(step) ? !!(usesTurns || isLoss) : !!usesTurns || isOfStatistics
}

const cutValues = (values: Parameters, { first, count }: Channels): Parameters =>
  Object.fromEntries(
    Object.entries(values).map(([name, each]) => [name, each.subarray(first, first + count)]),
  )

/**
 * Compares the gradients of parameters with one value a channel. They are computed row by row: the sums of the rows show how
 * much of the total cancels. A layer that reads whole images is given whole images, and the output's gradient in bands of rows,
 * with 0 in the other rows.
 */
function compareParameterGradients(own: OwnStep, share: Share): Comparison[] {
  const outputGradient = own.reads.outputGradient!
  const isOfChannels = (view: View | undefined) =>
    view === undefined || (view.shape[2] === 1 && view.shape[3] === outputGradient.shape[3])
  if (!Object.values(own.writes).every(isOfChannels)) return compareGradientsOfPlaces(own, share)
  const chosen = channelsOfShare(outputGradient, share)
  const isWhole = own.definition.readsWholeImages ?? false
  const [images, height, , count] = outputGradient.shape
  const step = isWhole ? Math.ceil(height / MOST_BANDS) : 1
  const channels = isWhole ? { first: 0, count } : chosen
  const written = parameterNames(own).flatMap((name) => {
    const view = own.writes[`${name}Gradient`]
    return view ? [{ name, view }] : []
  })
  const zeros = () => Object.fromEntries(written.map(({ name }) => [name, new Float64Array(channels.count)]))
  const [rows, truths, squares] = [zeros(), zeros(), zeros()]
  const noGradients = own.layer.inputs.map(() => null)
  const parameters = readParameters(own, channels)
  const dense = new Map<View, Grid>()
  const image = (view: View, n: number): Grid => {
    const made = dense.get(view) ?? denseImage(cutGrid(own.look(view), channels), n, scratch)
    dense.set(view, made)
    return made
  }
  for (let n = 0; n < images && chosen.count > 0; n++) {
    scratch.clear()
    dense.clear()
    for (let y = 0; y < height; y += step) {
      const part = (view: View) => {
        if (!isWhole) return rowOf(image(view, n), y)
        return view === outputGradient ? onlyRows(image(view, n), y, y + step) : image(view, n)
      }
      backward(own, part, noGradients, rows, parameters)
      for (const { name } of written) {
        const [row, truth, square] = [rows[name]!, truths[name]!, squares[name]!]
        for (let i = 0; i < row.length; i++) {
          truth[i]! += row[i]!
          square[i]! += row[i]! ** 2
        }
        row.fill(0)
      }
    }
  }
  return written.map(({ name, view }) => {
    const comparer = new Comparer(view)
    const engine = own.look(view)
    for (let channel = chosen.first; channel < chosen.first + chosen.count; channel++) {
      const i = channel - channels.first
      comparer.addSum(engine.values[engine.offset + channel]!, truths[name]![i]!, squares[name]![i]!)
    }
    return comparer.result()
  })
}

/**
 * Compares the gradients of parameters with a value for each pixel or each value of an image: sums over the images of
 * the batch. They have no channels to share; the first thread computes them.
 */
function compareGradientsOfPlaces(own: OwnStep, share: Share): Comparison[] {
  const outputGradient = own.reads.outputGradient!
  const written = parameterNames(own).flatMap((name) => {
    const view = own.writes[`${name}Gradient`]
    return view ? [{ name, view, comparer: new Comparer(view) }] : []
  })
  const length = ({ shape: [, , rows, columns] }: View) => rows * columns
  const zeros = () =>
    Object.fromEntries(written.map(({ name, view }) => [name, new Float64Array(length(view))]))
  const [ofImage, truths, squares] = [zeros(), zeros(), zeros()]
  const noGradients = own.layer.inputs.map(() => null)
  const parameters = readParameters(own)
  for (let n = 0; n < outputGradient.shape[0] && share.index === 0; n++) {
    scratch.clear()
    backward(own, (view) => denseImage(own.look(view), n, scratch), noGradients, ofImage, parameters)
    for (const { name } of written)
      for (const [i, value] of ofImage[name]!.entries()) {
        truths[name]![i]! += value
        squares[name]![i]! += value ** 2
        ofImage[name]![i] = 0
      }
  }
  return written.map(({ name, view, comparer }) => {
    const engine = own.look(view)
    const columns = view.shape[3]
    for (let i = 0; i < length(view) && share.index === 0; i++) {
      const at = pixelAt(engine, 0, 0, Math.floor(i / columns)) + (i % columns)
      comparer.addSum(engine.values[at]!, truths[name]![i]!, squares[name]![i]!)
    }
    return comparer.result()
  })
}

/**
 * Compares the gradient of an input that was broadcast over the image: it is a sum like a parameter's gradient, but over each
 * image, and is computed row by row as well. The gradient of an input that has all pixels is computed whole.
 */
export function compareBroadcastGradient(
  step: StepOfKind<`${BroadcastKind}-input-gradient`>,
  plan: StepsOf,
  look: Look,
  share: Share,
): Comparison[] {
  const { outputGradient } = step.reads
  const { inputGradient } = step.writes
  const hasPixels = ({ shape }: View) => ['whole', 'channel'].includes(spreadOf(shape, outputGradient.shape))
  if (hasPixels(inputGradient)) return compareWithLoops(step, plan, look, share)
  const own = ownStep(step, plan, look)
  const comparer = new Comparer(inputGradient)
  const written = look(inputGradient)
  const [, height] = outputGradient.shape
  for (const n of imagesOfShare(inputGradient, share)) {
    scratch.clear()
    const before = look.before?.has(inputGradient) ? look.before.image(inputGradient, n).values : null
    const truths = before ?? new Float64Array(inputGradient.shape[3])
    const squares = truths.map((value) => value ** 2)
    const dense = new Map<View, Grid>()
    const image = (view: View): Grid => {
      const made = dense.get(view) ?? denseImage(look(view), n, scratch)
      dense.set(view, made)
      return made
    }
    const row = denseGrid(new Float64Array(truths.length), 1, [truths.length])
    const shares = own.layer.inputs.map((_, i) => (i === step.options.index ? row : null))
    for (let y = 0; y < height; y++) {
      const rowOrPixel = (view: View): Grid => (hasPixels(view) ? rowOf(image(view), y) : image(view))
      backward(own, rowOrPixel, shares, {}, {})
      for (const [i, value] of row.values.entries()) {
        truths[i]! += value
        squares[i]! += value ** 2
      }
      row.values.fill(0)
    }
    const at = pixelAt(written, n, 0, 0)
    for (const [i, truth] of truths.entries()) comparer.addSum(written.values[at + i]!, truth, squares[i]!)
  }
  return [comparer.result()]
}

/** Memory of the image that is computed. */
const scratch = new Scratch()

/**
 * Into how many bands the output's gradient is cut for a layer that reads whole images: each band computes all
 * statistics anew.
 */
const MOST_BANDS = 4

/** A copy of a dense image with zeros in all rows but these. */
function onlyRows(grid: Grid, first: number, end: number): Grid {
  const [, height] = grid.shape
  const values = scratch.take(height * grid.rowPitch)
  values.fill(0)
  const [from, to] = [
    grid.offset + first * grid.rowPitch,
    grid.offset + Math.min(end, height) * grid.rowPitch,
  ]
  values.set(grid.values.subarray(from, to), first * grid.rowPitch)
  return { ...grid, values, offset: 0 }
}

/** One row of a dense image, as an image. */
function rowOf(grid: Grid, y: number): Grid {
  const [, , width, channels] = grid.shape
  return { ...grid, offset: pixelAt(grid, 0, y, 0), shape: [1, 1, width, channels] }
}

const parameterNames = ({ layer }: OwnStep): string[] =>
  Object.keys(layer.parameters).map((name) => name.slice(layer.layer.name.length + 1))

type Parameters = Readonly<Record<string, Float64Array>>

/** What the step reads of the layer's parameters, by their short names; of some channels or all. */
function readParameters(own: OwnStep, channels?: Channels): Parameters {
  const { reads, look } = own
  const all = Object.fromEntries(
    parameterNames(own).flatMap((name) =>
      reads[name] ? [[name, denseParameter(look(reads[name]))] as const] : [],
    ),
  )
  return channels ? cutValues(all, channels) : all
}

function contextOf(own: OwnStep, grid: (view: View) => Grid, parameters: Parameters) {
  const { layer, reads, look, batch } = own
  const hasStatistics = Object.values(layer.parameters).some(({ role }) => role === 'statistic')
  const isMixed = own.isOfTraining && own.definition.batchStatistics !== undefined && hasStatistics
  return {
    name: layer.layer.name,
    options: own.options,
    turn: reads.turn ? numberAt(reads.turn, look) : 0,
    inputs: layer.inputShapes.map((shape, i) => {
      const view = reads[inputKey(i)]
      return view ? grid(view) : unread(batch, shape)
    }),
    parameters,
    ...(isMixed && { statistics: parameters }),
  }
}

/** Of a tensor that a step does not read, the loops may know the shape: its values are none. */
const unread = (batch: number, shape: readonly number[]): Grid => denseGrid(new Float64Array(0), batch, shape)

function forward(own: OwnStep, grid: (view: View) => Grid, truth: Grid): void {
  own.definition.forward({ ...contextOf(own, grid, readParameters(own)), output: truth })
}

function backward(
  own: OwnStep,
  grid: (view: View) => Grid,
  inputGradients: readonly (Grid | null)[],
  parameterGradients: Readonly<Record<string, Float64Array>>,
  parameters = readParameters(own),
): void {
  const { reads, layer, definition, batch } = own
  const images = inputGradients.find((truth) => truth !== null)?.shape[0] ?? batch
  // Of the batch's mean, an image's own loss is a part.
  const ofLoss = (definition.isMean ? images / batch : 1) as number
  definition.backward({
    ...contextOf(own, grid, parameters),
    output: reads.output ? grid(reads.output) : unread(images, layer.outputShape),
    outputGradient: definition.isLoss
      ? denseGrid(Float64Array.of(ofLoss), 1, [])
      : grid(reads.outputGradient!),
    inputGradients,
    parameterGradients,
  })
}

/** What a layer takes of the batch, channel by channel. */
export function compareStatistics(step: Step, plan: StepsOf, look: Look, share: Share): Comparison[] {
  const { layer } = plan.network.layers.find(({ layer }) => layer.name === step.layer)!
  const input = (step.reads as Views).input!
  const channels = channelsOfShare(input, share)
  const inputs = [cutGrid(look(input), channels)]
  const truths = definitionOf(layer).batchStatistics!({ options: layer.options, inputs })
  return Object.entries<View>(step.writes as never).map(([name, view]) => {
    const comparer = new Comparer(view)
    const truth = denseGrid(Float64Array.from(truths[name]!), 1, [channels.count])
    comparer.image(cutGrid(look(view), channels), truth)
    return comparer.result()
  })
}

/** How running statistics follow those of the batch, from what they were before. */
export function compareRunningStatistics(step: Step, plan: StepsOf, look: Look, share: Share): Comparison[] {
  const { layer, inputShapes } = plan.network.layers.find(({ layer }) => layer.name === step.layer)!
  const names = Object.keys(step.writes)
  const views = step.writes as Readonly<Record<string, View>>
  const comparers = names.map((name) => new Comparer(views[name]!))
  if (share.index === 0) {
    const running = Object.fromEntries(
      names.map((name) => [name, denseParameter(beforeOf(views[name]!, look).image(views[name]!, 0))]),
    )
    const batchOf = (name: string) => (step.reads as Views)[ofBatch(name)]!
    const statistics = Object.fromEntries(names.map((name) => [name, denseParameter(look(batchOf(name)))]))
    const [height, width] = asImageShape(inputShapes[0]!)
    definitionOf(layer).followStatistics!(layer.options, running, statistics, plan.batch * height * width)
    for (const [i, name] of names.entries()) {
      const truth = denseGrid(running[name]!, 1, views[name]!.shape.slice(1))
      comparers[i]!.image(imageOf(look(views[name]!), 0), truth)
    }
  }
  return comparers.map((comparer) => comparer.result())
}
