import { elementCount } from '../tensor.ts'
import type { Network, ResolvedLayer } from './network.ts'

/** What a layer, or a whole network, has and does with one image. */
export interface LayerCounts {
  readonly parameters: number
  /** Multiply-adds: every use of a weight. */
  readonly connections: number
  /** Outputs of layers with weights. */
  readonly neurons: number
  /** FLOPs by pass. */
  readonly forward: number
  readonly 'forward-backward': number
  /** As forward-backward: an update counts nothing. */
  readonly train: number
}

const FLOPS_PER_CONNECTION = 2

/** An input of the network needs no gradient: what reads it does without that work. */
export function layerCounts(network: Network, layer: ResolvedLayer): LayerCounts {
  const { forward, parametersGradient, inputGradient } = layer.flops
  const parameters = Object.values(layer.parameters)
  const readsInput = layer.inputs.every((input) => input in network.inputs)
  const both = forward + parametersGradient + (readsInput ? 0 : inputGradient)
  return {
    parameters: parameters.reduce((sum, { shape }) => sum + elementCount(shape), 0),
    connections: forward / FLOPS_PER_CONNECTION,
    neurons: parameters.length > 0 ? elementCount(layer.outputShape) : 0,
    forward,
    'forward-backward': both,
    train: both,
  }
}

export function networkCounts(network: Network): LayerCounts {
  const counts = network.layers.map((layer) => layerCounts(network, layer))
  const sum = (name: keyof LayerCounts) => counts.reduce((total, layer) => total + layer[name], 0)
  return {
    parameters: sum('parameters'),
    connections: sum('connections'),
    neurons: sum('neurons'),
    forward: sum('forward'),
    'forward-backward': sum('forward-backward'),
    train: sum('train'),
  }
}
