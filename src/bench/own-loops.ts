// What a layer's own plain loops make, in float64, of what the engine's step read: the truth of every step that is not too dear
// to be computed whole.
import { ofBatch } from '../engines/reference-network.ts'
import { definitionOf, type LayerDefinition } from '../layers/index.ts'
import type { ResolvedLayer } from '../networks/network.ts'
import type { Plan } from '../plan/plan.ts'
import { inputKey, type Step } from '../plan/steps.ts'
import type { View } from '../plan/views.ts'
import { asImageShape, denseGrid, type Grid, pixelAt } from '../tensor.ts'
import {
  Comparer,
  type Comparison,
  denseParameter,
  imageOf,
  type Look,
  numberAt,
  wholeBatch,
  wholeImages,
} from './comparison.ts'
import type { Share } from './parts.ts'

/** What is known of the run that a step belongs to. */
export type StepsOf = Pick<Plan, 'network' | 'batch' | 'pass' | 'frozen'>

type Views = Readonly<Record<string, View | undefined>>

/** A step, and the layer whose loops it does. */
interface OwnStep {
  readonly layer: ResolvedLayer
  readonly definition: LayerDefinition<object>
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
  const layer = plan.network.layers.find(({ layer }) => layer.name === step.layer)!
  const definition = definitionOf(layer.layer) as LayerDefinition<object>
  const isOfTraining = plan.pass !== 'forward' && !plan.frozen.includes(step.layer)
  const { batch } = plan
  const own: OwnStep = {
    layer,
    definition,
    reads: step.reads,
    writes: step.writes,
    batch,
    isOfTraining,
    look,
  }
  if (step.pass === 'forward') {
    const output = own.writes.output!
    // What it makes of an image depends on its place in the batch, or it makes one thing of the whole batch.
    return definition.usesTurns || definition.isLoss
      ? wholeBatch(output, look, share, (truth) => forward(own, look, truth))
      : wholeImages(output, look, share, (image, truth) => forward(own, image, truth))
  }
  const { inputGradient } = own.writes
  if (!inputGradient) return compareParameterGradients(own, share)
  const isOfBatch = definition.usesTurns || (isOfTraining && definition.batchStatistics !== undefined)
  const index = 'index' in step.options ? step.options.index : 0
  const backwardInto = (grid: (view: View) => Grid, truth: Grid) =>
    backward(
      own,
      grid,
      layer.inputs.map((_, i) => (i === index ? truth : null)),
      {},
    )
  return isOfBatch
    ? wholeBatch(inputGradient, look, share, (truth) => backwardInto(look, truth))
    : wholeImages(inputGradient, look, share, backwardInto)
}

/** Channels that follow each other. */
interface Channels {
  readonly first: number
  readonly count: number
}

/** Those of this share, of what goes over the whole batch channel by channel. */
function channelsOfShare({ shape }: View, { index, count }: Share): Channels {
  const at = (share: number) => Math.floor((shape[3] * share) / count)
  return { first: at(index), count: at(index + 1) - at(index) }
}

const cutGrid = (grid: Grid, { first, count }: Channels): Grid => {
  const [images, height, width] = grid.shape
  return { ...grid, offset: grid.offset + first, shape: [images, height, width, count] }
}

const cutValues = (values: Readonly<Record<string, Float64Array>>, { first, count }: Channels) =>
  Object.fromEntries(
    Object.entries(values).map(([name, each]) => [name, each.subarray(first, first + count)]),
  )

/** Of parameters with one value a channel, row by row: what each row gives shows how much of the sum cancels. */
function compareParameterGradients(own: OwnStep, share: Share): Comparison[] {
  const outputGradient = own.reads.outputGradient!
  const channels = channelsOfShare(outputGradient, share)
  const written = parameterNames(own).flatMap((name) => {
    const view = own.writes[`${name}Gradient`]
    return view ? [{ name, view }] : []
  })
  const zeros = () => Object.fromEntries(written.map(({ name }) => [name, new Float64Array(channels.count)]))
  const [rows, truths, squares] = [zeros(), zeros(), zeros()]
  const [images, height] = outputGradient.shape
  const noGradients = own.layer.inputs.map(() => null)
  for (let n = 0; n < images && channels.count > 0; n++) {
    for (let y = 0; y < height; y++) {
      backward(own, (view) => cutGrid(rowOf(own.look(view), n, y), channels), noGradients, rows, channels)
      for (const { name } of written) {
        rows[name]!.forEach((value, i) => {
          truths[name]![i]! += value
          squares[name]![i]! += value * value
        })
        rows[name]!.fill(0)
      }
    }
  }
  return written.map(({ name, view }) => {
    const comparer = new Comparer(view)
    const engine = own.look(view)
    truths[name]!.forEach((truth, i) => {
      comparer.addSum(engine.values[engine.offset + channels.first + i]!, truth, squares[name]![i]!)
    })
    return comparer.result()
  })
}

/** One row of an image, as an image. */
function rowOf(grid: Grid, image: number, y: number): Grid {
  const [, , width, channels] = grid.shape
  return { ...grid, offset: pixelAt(grid, image, y, 0), shape: [1, 1, width, channels] }
}

const parameterNames = ({ layer }: OwnStep): string[] =>
  Object.keys(layer.parameters).map((name) => name.slice(layer.layer.name.length + 1))

function contextOf(own: OwnStep, grid: (view: View) => Grid, channels?: Channels) {
  const { layer, reads, look, batch } = own
  const names = parameterNames(own)
  const all: Readonly<Record<string, Float64Array>> = Object.fromEntries(
    names.flatMap((name) => (reads[name] ? [[name, denseParameter(look(reads[name]))]] : [])),
  )
  const read = channels ? cutValues(all, channels) : all
  const statistics = Object.keys(layer.parameters).filter(
    (name) => layer.parameters[name]!.role === 'statistic',
  )
  const isMixed = own.isOfTraining && own.definition.batchStatistics !== undefined && statistics.length > 0
  return {
    name: layer.layer.name,
    options: layer.layer.options,
    turn: reads.turn ? numberAt(reads.turn, look) : 0,
    inputs: layer.inputShapes.map((shape, i) => {
      const view = reads[inputKey(i)]
      return view ? grid(view) : unread(batch, shape)
    }),
    parameters: read,
    ...(isMixed && { statistics: read }),
  }
}

/** Of a tensor that a step does not read, the loops may know the shape: its values are none. */
const unread = (batch: number, shape: readonly number[]): Grid => denseGrid(new Float64Array(0), batch, shape)

function forward(own: OwnStep, grid: (view: View) => Grid, truth: Grid): void {
  own.definition.forward({ ...contextOf(own, grid), output: truth })
}

function backward(
  own: OwnStep,
  grid: (view: View) => Grid,
  inputGradients: readonly (Grid | null)[],
  parameterGradients: Readonly<Record<string, Float64Array>>,
  channels?: Channels,
): void {
  const { reads, layer, definition, batch } = own
  const images = inputGradients.find((truth) => truth !== null)?.shape[0] ?? batch
  // Of the batch's mean, an image's own loss is a part.
  const ofLoss = (definition.isMean ? images / batch : 1) as number
  definition.backward({
    ...contextOf(own, grid, channels),
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
  const reads = step.reads as Views
  const batchOf = (name: string) => reads[ofBatch(name)]!
  const running = Object.fromEntries(
    names.map((name) => [name, denseParameter(beforeOf(reads[name]!, look))]),
  )
  const statistics = Object.fromEntries(names.map((name) => [name, denseParameter(look(batchOf(name)))]))
  const [height, width] = asImageShape(inputShapes[0]!)
  definitionOf(layer).followStatistics!(layer.options, running, statistics, plan.batch * height * width)
  return names.map((name) => {
    const view = (step.writes as Views)[name]!
    const comparer = new Comparer(view)
    if (share.index === 0)
      comparer.image(imageOf(look(view), 0), denseGrid(running[name]!, 1, view.shape.slice(1)))
    return comparer.result()
  })
}

function beforeOf(view: View, look: Look): Grid {
  if (!look.before) throw new Error(`'${view.tensor}' is changed in place, and nobody kept what it was`)
  return look.before(view)
}
