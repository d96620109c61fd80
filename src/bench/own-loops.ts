// What a layer's own plain loops make, in float64, of what the engine's step read: the truth of every step that is not too dear
// to be computed whole.
import { definitionOf, type LayerDefinition } from '../layers/index.ts'
import type { ResolvedLayer } from '../networks/network.ts'
import type { Plan } from '../plan/plan.ts'
import { inputKey, type Step } from '../plan/steps.ts'
import type { View } from '../plan/views.ts'
import { denseGrid, type Grid, pixelAt } from '../tensor.ts'
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
  // What it makes of an image depends on its place in the batch or on the others, or it makes one thing of the whole batch.
  const isOfBatch = definition.usesTurns || (isOfTraining && definition.batchStatistics !== undefined)
  if (step.pass === 'forward') {
    const output = own.writes.output!
    return isOfBatch || definition.isLoss
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
  return isOfBatch
    ? wholeBatch(inputGradient, look, share, (truth) => backwardInto(look, truth))
    : wholeImages(inputGradient, look, share, backwardInto)
}

/**
 * Gradients of parameters go over the whole batch, row by row: what each row gives shows how much of the sum cancels. The first
 * share does it.
 */
function compareParameterGradients(own: OwnStep, share: Share): Comparison[] {
  const written = parameterNames(own).flatMap((name) => {
    const view = own.writes[`${name}Gradient`]
    return view ? [{ name, view, length: view.shape[2] * view.shape[3] }] : []
  })
  const zeros = () => Object.fromEntries(written.map(({ name, length }) => [name, new Float64Array(length)]))
  const [rows, truths, squares] = [zeros(), zeros(), zeros()]
  if (share.index === 0) {
    const [images, height] = own.reads.outputGradient!.shape
    for (let n = 0; n < images; n++) {
      for (let y = 0; y < height; y++) {
        backward(
          own,
          (view) => rowOf(own.look(view), n, y),
          own.layer.inputs.map(() => null),
          rows,
        )
        for (const { name } of written) {
          rows[name]!.forEach((value, i) => {
            truths[name]![i]! += value
            squares[name]![i]! += value * value
          })
          rows[name]!.fill(0)
        }
      }
    }
  }
  return written.map(({ name, view }) => {
    const comparer = new Comparer(view)
    if (share.index === 0) {
      const engine = own.look(view)
      truths[name]!.forEach((truth, i) => {
        comparer.addSum(engine.values[engine.offset + i]!, truth, squares[name]![i]!)
      })
    }
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

function contextOf(own: OwnStep, grid: (view: View) => Grid) {
  const { layer, reads, look, batch } = own
  const names = parameterNames(own)
  const read = Object.fromEntries(
    names.flatMap((name) => (reads[name] ? [[name, denseParameter(look(reads[name]))]] : [])),
  )
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
): void {
  const { reads, layer, definition, batch } = own
  const images = inputGradients.find((truth) => truth !== null)?.shape[0] ?? batch
  // Of the batch's mean, an image's own loss is a part.
  const ofLoss = (definition.isMean ? images / batch : 1) as number
  definition.backward({
    ...contextOf(own, grid),
    output: reads.output ? grid(reads.output) : unread(images, layer.outputShape),
    outputGradient: definition.isLoss
      ? denseGrid(Float64Array.of(ofLoss), 1, [])
      : grid(reads.outputGradient!),
    inputGradients,
    parameterGradients,
  })
}

/** What a layer takes of the batch. */
export function compareStatistics(step: Step, plan: StepsOf, look: Look, share: Share): Comparison[] {
  const { layer } = plan.network.layers.find(({ layer }) => layer.name === step.layer)!
  const inputs = [look((step.reads as Views).input!)]
  const truths =
    share.index === 0 ? definitionOf(layer).batchStatistics!({ options: layer.options, inputs }) : {}
  return Object.entries<View>(step.writes as never).map(([name, view]) => {
    const comparer = new Comparer(view)
    if (share.index === 0)
      comparer.image(look(view), denseGrid(Float64Array.from(truths[name]!), 1, view.shape.slice(1)))
    return comparer.result()
  })
}

/** How running statistics follow those of the batch, from what they were before. */
export function compareRunningStatistics(
  step: Step & { readonly options: { readonly count: number } },
  plan: StepsOf,
  look: Look,
  share: Share,
): Comparison[] {
  const { layer } = plan.network.layers.find(({ layer }) => layer.name === step.layer)!
  const names = Object.keys(step.writes)
  const reads = step.reads as Views
  const batchOf = (name: string) => reads[`batch${name[0]!.toUpperCase()}${name.slice(1)}`]!
  const running = Object.fromEntries(
    names.map((name) => [name, denseParameter(beforeOf(reads[name]!, look))]),
  )
  const statistics = Object.fromEntries(names.map((name) => [name, denseParameter(look(batchOf(name)))]))
  definitionOf(layer).followStatistics!(layer.options, running, statistics, step.options.count)
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
