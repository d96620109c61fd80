import { definitionOf } from '../layers/index.ts'
import type { Network, ResolvedLayer } from '../networks/network.ts'
import type { Pass } from '../plan/plan.ts'
import { TURN_TENSOR } from '../plan/training.ts'
import { denseGrid, elementCount, type Grid, type Shape } from '../tensor.ts'

/** Dense values by tensor name, activations (N, H, W, C). What only is read, as parameters are, may be float32. */
export type Tensors = Record<string, Float32Array | Float64Array>

/** Makes the array of a tensor: for callers that need it in memory of their own. */
export type Allocate = (name: string, length: number) => Float64Array

const allocateHere: Allocate = (_name, length) => new Float64Array(length)

interface ReferenceOptions {
  readonly batch: number
  /** `forward` leaves out the losses and what is off in it. */
  readonly pass: Pass
  readonly allocate?: Allocate
  /** Called when a layer's output stands in `tensors`; may change it and the parameters. */
  readonly onLayer?: (layer: ResolvedLayer) => void
  /** How much of a loss is in the sum that gradients are of; 1 by default. */
  readonly shareOf?: (loss: ResolvedLayer) => number
}

/** The layer's parameters by their short names, as its plain loops take them. */
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
    definition.forward({
      name,
      options: layer.layer.options,
      turn: turnOf(tensors),
      inputs: layer.inputs.map((input, i) => denseGrid(tensors[input]!, batch, layer.inputShapes[i]!)),
      parameters: parametersOf(layer, tensors),
      output: gridFor(tensors[name], layer, batch, layer.outputShape),
    })
    options.onLayer?.(layer)
  }
}

/**
 * The gradients of the sum of all losses, after `referenceForward`: of the parameters as `name.gradient`, of the
 * activations alike. Inputs of the network get none.
 */
export function referenceBackward(network: Network, tensors: Tensors, options: ReferenceOptions): void {
  const { batch, allocate = allocateHere, shareOf = () => 1 } = options
  for (const layer of network.layers) {
    const { name } = layer.layer
    const length = tensors[name]!.length
    const gradient = (tensors[`${name}.gradient`] ??= allocate(`${name}.gradient`, length))
    gradient.fill(layer.isLoss ? shareOf(layer) : 0)
    for (const [parameter, { shape }] of Object.entries(layer.parameters)) {
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
      inputs: layer.inputs.map((input, i) => denseGrid(tensors[input]!, batch, layer.inputShapes[i]!)),
      parameters: parametersOf(layer, tensors),
      output: gridFor(tensors[name]!, layer, batch, layer.outputShape),
      outputGradient: gridFor(tensors[`${name}.gradient`]!, layer, batch, layer.outputShape),
      inputGradients: layer.inputs.map((input, i) => {
        if (input in network.inputs) return null
        return denseGrid(tensors[`${input}.gradient`]!, batch, layer.inputShapes[i]!)
      }),
      // Those are made here or by `allocate`, in float64.
      parameterGradients: parametersOf(layer, tensors as Record<string, Float64Array>, '.gradient'),
    })
  }
}
