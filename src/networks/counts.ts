import { isTrainedRole, type ParameterSpec } from '../layers/index.ts'
import { elementCount, type Shape } from '../tensor.ts'
import type { Network, ResolvedLayer } from './network.ts'

/** Counts of a layer, or of a whole network, for one image. */
export interface LayerCounts {
  /** The values that training changes by gradients. */
  readonly parameters: number
  /** Running statistics of batch norms, which are not counted as parameters. */
  readonly statistics: number
  /** Numbers of the model that training never changes, which are not counted as parameters either. */
  readonly constants: number
  /** Multiply-adds: every use of a weight. */
  readonly connections: number
  /** Outputs of convolutions and dense layers, which have weights. */
  readonly neurons: number
  /** FLOPs by pass. */
  readonly forward: number
  /** With gradients of all parameters. */
  readonly 'forward-backward': number
  /** The same as forward-backward: an update counts 0. */
  readonly train: number
}

const hasWeights = ({ parameters }: ResolvedLayer): boolean =>
  Object.values(parameters).some(({ role }) => role === 'weights')

const FLOPS_PER_CONNECTION = 2

/** The counts of one layer. An input of the network needs no gradient, so layers that read it have less work. */
export function layerCounts(network: Network, layer: ResolvedLayer): LayerCounts {
  const { forward, parametersGradient, inputGradient } = layer.flops
  const parameters = Object.values(layer.parameters)
  const values = (isCounted: (parameter: ParameterSpec) => boolean) =>
    parameters.filter(isCounted).reduce((sum, { shape }) => sum + elementCount(shape), 0)
  const readsInput = layer.inputs.every((input) => input in network.inputs)
  const both = forward + parametersGradient + (readsInput ? 0 : inputGradient)
  return {
    parameters: values(({ role }) => isTrainedRole(role)),
    statistics: values(({ role }) => role === 'statistic'),
    constants: values(({ role }) => role === 'constant'),
    connections: forward / FLOPS_PER_CONNECTION,
    neurons: hasWeights(layer) ? elementCount(layer.outputShape) : 0,
    forward,
    'forward-backward': both,
    train: both,
  }
}

/** The counts of all layers of a network together, for one image. */
export function networkCounts(network: Network): LayerCounts {
  const counts = network.layers.map((layer) => layerCounts(network, layer))
  const sum = (name: keyof LayerCounts) => counts.reduce((total, layer) => total + layer[name], 0)
  return {
    parameters: sum('parameters'),
    statistics: sum('statistics'),
    constants: sum('constants'),
    connections: sum('connections'),
    neurons: sum('neurons'),
    forward: sum('forward'),
    'forward-backward': sum('forward-backward'),
    train: sum('train'),
  }
}

/** The size of a network, beyond its counts. */
export interface NetworkSize {
  /** The most layers with weights on any path of an image: the 50 of ResNet-50. */
  readonly depth: number
  /** Layers with parameters of any kind. */
  readonly layers: number
  /** The tensor (an input or a layer's output) with the most values for one image. */
  readonly largest: { readonly name: string; readonly values: number }
}

export function networkSize(network: Network): NetworkSize {
  const depths = new Map<string, number>()
  for (const layer of network.layers) {
    const before = Math.max(...layer.inputs.map((input) => depths.get(input) ?? 0))
    depths.set(layer.layer.name, before + (hasWeights(layer) ? 1 : 0))
  }
  const values = (name: string, shape: Shape) => ({ name, values: elementCount(shape) })
  const activations = [
    ...Object.entries(network.inputs).map(([name, shape]) => values(name, shape)),
    ...network.layers.map(({ layer, outputShape }) => values(layer.name, outputShape)),
  ]
  return {
    depth: Math.max(...depths.values()),
    layers: network.layers.filter(({ parameters }) => Object.keys(parameters).length > 0).length,
    largest: activations.reduce((most, other) => (other.values > most.values ? other : most)),
  }
}
