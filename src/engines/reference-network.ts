import { definitionOf, type ForwardContext, isTrainedRole, type Statistics } from '../layers/index.ts'
import type { Network, ResolvedLayer } from '../networks/network.ts'
import type { Pass } from '../plan/plan.ts'
import { TURN_TENSOR } from '../plan/training.ts'
import { denseGrid, elementCount, type Grid, type Shape } from '../tensor.ts'

/**
 * Dense values by tensor name; activations are (N, H, W, C). Tensors that are only read, such as parameters, may be
 * float32.
 */
export type Tensors = Record<string, Float32Array | Float64Array>

/** Allocates a tensor's array, for callers that need it in memory of their own. */
export type Allocate = (name: string, length: number) => Float64Array

const allocateHere: Allocate = (_name, length) => new Float64Array(length)

interface ReferenceOptions {
  readonly batch: number
  /** `forward` leaves out the losses and the layers that are off in it. */
  readonly pass: Pass
  readonly allocate?: Allocate
  /** True if `tensors` has the statistics of the batch already, because the whole batch has more images than these. */
  readonly takesStatistics?: boolean
  /** Makes a layer's output, in place of its plain loops. */
  readonly compute?: (layer: ResolvedLayer, context: ForwardContext<object>) => void
  /** Called when a layer's output is in `tensors`; may change it and the parameters. */
  readonly onLayer?: (layer: ResolvedLayer) => void
  /** Layers that do the same in training as in forward; none by default. */
  readonly frozen?: ReadonlySet<string>
  /** The weight of a loss in the sum whose gradients are computed; 1 by default. */
  readonly shareOf?: (loss: ResolvedLayer) => number
}

/** The layer's parameters by their short names, as its plain loops expect them. */
function parametersOf<Values>(
  layer: ResolvedLayer,
  tensors: Record<string, Values>,
  suffix = '',
): Record<string, Values> {
  const names = Object.keys(layer.parameters)
  return Object.fromEntries(
    names.map((name) => [name.slice(layer.layer.name.length + 1), tensors[name + suffix]!]),
  )
}

function gradientsOf(layer: ResolvedLayer, tensors: Tensors): Record<string, Float64Array> {
  const all = parametersOf(layer, tensors as Record<string, Float64Array | undefined>, '.gradient')
  return Object.fromEntries(Object.entries(all).filter(([, values]) => values)) as Record<
    string,
    Float64Array
  >
}

/** The name of a statistic of the batch: `batchMean` for `mean`. */
export const ofBatch = (statistic: string): string =>
  `batch${statistic[0]!.toUpperCase()}${statistic.slice(1)}`

/** The tensor of a statistic of the batch in training: `bn1/batchMean`. */
export const statisticTensor = (layer: string, statistic: string): string => `${layer}/${ofBatch(statistic)}`

/**
 * The layer's statistics of the batch in training: from the tensors, if they are there and need not be computed again.
 * Undefined if it has none.
 */
function statisticsOf(
  layer: ResolvedLayer,
  tensors: Tensors,
  { batch, pass, frozen, allocate = allocateHere }: ReferenceOptions,
  how: 'make' | 'take',
): Statistics | undefined {
  const { name, options } = layer.layer
  const { batchStatistics } = definitionOf(layer.layer)
  if (!batchStatistics || pass === 'forward' || frozen?.has(name)) return undefined
  const statistics = Object.entries(layer.parameters).filter(([, { role }]) => role === 'statistic')
  const own = statistics.map(([full]) => full.slice(name.length + 1))
  const isThere = own.every((statistic) => tensors[statisticTensor(name, statistic)])
  if (how === 'make' || !isThere) {
    const made = batchStatistics({ options, inputs: inputsOf(layer, tensors, batch) })
    for (const [statistic, values] of Object.entries(made)) {
      const tensor = statisticTensor(name, statistic)
      tensors[tensor] ??= allocate(tensor, values.length)
      tensors[tensor].set(values)
    }
  }
  return Object.fromEntries(own.map((statistic) => [statistic, tensors[statisticTensor(name, statistic)]!]))
}

const inputsOf = (layer: ResolvedLayer, tensors: Tensors, batch: number): Grid[] =>
  layer.inputs.map((input, i) => denseGrid(tensors[input]!, batch, layer.inputShapes[i]!))

const turnOf = (tensors: Tensors): number => tensors[TURN_TENSOR]?.[0] ?? 0

const gridFor = (values: Tensors[string], layer: { isLoss?: boolean }, batch: number, shape: Shape): Grid =>
  denseGrid(values, layer.isLoss ? 1 : batch, shape)

/** Runs the network's layers as plain loops in float64: the truth. Reads inputs and parameters, writes activations. */
export function referenceForward(network: Network, tensors: Tensors, options: ReferenceOptions): void {
  const { batch, pass, allocate = allocateHere } = options
  for (const layer of network.layers) {
    if (pass === 'forward' && layer.isLoss) continue
    const { name } = layer.layer
    const outputs = layer.isLoss ? 1 : batch
    tensors[name] ??= allocate(name, outputs * elementCount(layer.outputShape))
    const definition = definitionOf(layer.layer)
    if (pass === 'forward' && definition.isOffInForward) {
      tensors[name].set(tensors[layer.inputs[0]!]!)
      continue
    }
    const inputs = inputsOf(layer, tensors, batch)
    const parameters = parametersOf(layer, tensors)
    const statistics = statisticsOf(layer, tensors, options, options.takesStatistics ? 'take' : 'make')
    const context: ForwardContext<object> = {
      name,
      options: layer.layer.options,
      turn: turnOf(tensors),
      inputs,
      parameters,
      statistics,
      output: gridFor(tensors[name], layer, batch, layer.outputShape),
    }
    if (options.compute) options.compute(layer, context)
    else definition.forward(context as never)
    if (statistics && pass === 'train') {
      const count = elementCount(inputs[0]!.shape.slice(0, 3))
      definition.followStatistics!(layer.layer.options, parameters, statistics, count)
    }
    options.onLayer?.(layer)
  }
}

/**
 * The gradients of the sum of all losses, after `referenceForward`: of parameters and of activations, as
 * `name.gradient`. Inputs of the network get none.
 */
export function referenceBackward(network: Network, tensors: Tensors, options: ReferenceOptions): void {
  const { batch, allocate = allocateHere, shareOf = () => 1 } = options
  for (const layer of network.layers) {
    const { name } = layer.layer
    const length = tensors[name]!.length
    const gradient = (tensors[`${name}.gradient`] ??= allocate(`${name}.gradient`, length))
    gradient.fill(layer.isLoss ? shareOf(layer) : 0)
    for (const [parameter, { shape, role }] of Object.entries(layer.parameters)) {
      if (!isTrainedRole(role)) continue
      const key = `${parameter}.gradient`
      tensors[key] ??= allocate(key, elementCount(shape))
      tensors[key].fill(0)
    }
  }
  for (const layer of network.layers.toReversed()) {
    const { name } = layer.layer
    definitionOf(layer.layer).backward({
      name,
      options: layer.layer.options,
      turn: turnOf(tensors),
      inputs: inputsOf(layer, tensors, batch),
      parameters: parametersOf(layer, tensors),
      statistics: statisticsOf(layer, tensors, options, 'take'),
      output: gridFor(tensors[name]!, layer, batch, layer.outputShape),
      outputGradient: gridFor(tensors[`${name}.gradient`]!, layer, batch, layer.outputShape),
      inputGradients: layer.inputs.map((input, i) => {
        if (input in network.inputs) return null
        return denseGrid(tensors[`${input}.gradient`]!, batch, layer.inputShapes[i]!)
      }),
      // Those are allocated here or by `allocate`, in float64.
      parameterGradients: gradientsOf(layer, tensors),
    })
  }
}
