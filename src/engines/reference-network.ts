import { definitionOf } from '../layers/index.ts'
import type { Network, ResolvedLayer } from '../networks/network.ts'
import { denseGrid, elementCount, type Grid, type Shape } from '../tensor.ts'

/** Dense values by tensor name, activations (N, H, W, C). */
export type Tensors = Record<string, Float64Array>

/** Makes the array of a tensor: for callers that need it in memory of their own. */
export type Allocate = (name: string, length: number) => Float64Array

const allocateHere: Allocate = (_name, length) => new Float64Array(length)

interface ReferenceOptions {
  readonly batch: number
  readonly allocate?: Allocate
  /** Called when a layer's output stands in `tensors`; may change it and the parameters. */
  readonly onLayer?: (layer: ResolvedLayer) => void
}

/** The layer's parameters by their short names, as its plain loops take them. */
function parametersOf(layer: ResolvedLayer, tensors: Tensors, suffix = ''): Record<string, Float64Array> {
  const names = Object.keys(layer.parameters)
  return Object.fromEntries(
    names.map((name) => [name.slice(layer.layer.name.length + 1), tensors[name + suffix]!]),
  )
}

const gridFor = (values: Float64Array, layer: { isLoss?: boolean }, batch: number, shape: Shape): Grid =>
  denseGrid(values, layer.isLoss ? 1 : batch, shape)

/** Runs the network's layers as plain loops in float64: the truth. Reads inputs and parameters, writes activations. */
export function referenceForward(network: Network, tensors: Tensors, options: ReferenceOptions): void {
  const { batch, allocate = allocateHere } = options
  for (const layer of network.layers) {
    const { name } = layer.layer
    const outputs = layer.isLoss ? 1 : batch
    tensors[name] ??= allocate(name, outputs * elementCount(layer.outputShape))
    definitionOf(layer.layer).forward({
      options: layer.layer.options,
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
  const { batch, allocate = allocateHere } = options
  for (const layer of network.layers) {
    const { name } = layer.layer
    const length = tensors[name]!.length
    const gradient = (tensors[`${name}.gradient`] ??= allocate(`${name}.gradient`, length))
    gradient.fill(layer.isLoss ? 1 : 0)
    for (const [parameter, { shape }] of Object.entries(layer.parameters)) {
      const key = `${parameter}.gradient`
      tensors[key] ??= allocate(key, elementCount(shape))
      tensors[key].fill(0)
    }
  }
  for (const layer of network.layers.toReversed()) {
    const { name } = layer.layer
    definitionOf(layer.layer).backward({
      options: layer.layer.options,
      inputs: layer.inputs.map((input, i) => denseGrid(tensors[input]!, batch, layer.inputShapes[i]!)),
      parameters: parametersOf(layer, tensors),
      output: gridFor(tensors[name]!, layer, batch, layer.outputShape),
      outputGradient: gridFor(tensors[`${name}.gradient`]!, layer, batch, layer.outputShape),
      inputGradients: layer.inputs.map((input, i) => {
        if (input in network.inputs) return null
        return denseGrid(tensors[`${input}.gradient`]!, batch, layer.inputShapes[i]!)
      }),
      parameterGradients: parametersOf(layer, tensors, '.gradient'),
    })
  }
}
