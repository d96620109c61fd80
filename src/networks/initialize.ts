import { integerFromZero, numberOverZero, optional, type Rules, requireOptions } from '../check-options.ts'
import {
  type ActivationKind,
  definitionOf,
  isActivation,
  type ParameterSpec,
  partsOf,
  rectifies,
  type Trained,
} from '../layers/index.ts'
import { normal, truncatedNormal, uniform } from '../random.ts'
import { elementCount, type Shape } from '../tensor.ts'
import { labelClasses, type Network, parametersOf, type ResolvedLayer } from './network.ts'

/** How the benchmark's parameters and images are made. */
export interface InitializeOptions {
  /** An integer from 0. Each tensor has its own values, which depend on the seed and on its name. */
  readonly seed: number
  /** Standard deviation of the weights; the article's 0.1 by default. */
  readonly sd?: number
}

const seedRules: Rules<Pick<InitializeOptions, 'seed'>> = { seed: integerFromZero }
const rules: Rules<InitializeOptions> = { ...seedRules, sd: optional(numberOverZero) }

/** A tensor to be filled. Any range of it can be made separately, so that threads share the work. */
export interface InitialTensor {
  readonly name: string
  readonly length: number
  /** Fills `values`, which begin at index `firstIndex` of the tensor. */
  fill(values: Float32Array, firstIndex: number): void
}

const ARTICLE_SD = 0.1

/**
 * The benchmark's parameters by name: weights truncated normal (redrawn past 2 sd), biases 0; for a batch norm, scale
 * and running variance 1, shift and running mean 0. The same bits on every engine and machine.
 */
export function initialize(network: Network, options: InitializeOptions): Record<string, Float32Array> {
  requireOptions('initialize', options, rules)
  return filled(initialParameters(network, options))
}

/**
 * The benchmark's inputs for a batch, by name: images (N, H, W, C), normal with sd 0.1, all different; labels (N), with
 * all classes equally likely.
 */
export function initializeImages(
  network: Network,
  batch: number,
  options: InitializeOptions,
): Record<string, Float32Array> {
  requireOptions('initializeImages', options, rules)
  return filled(initialInputs(network, batch, options))
}

/** The tensors of `initialize`, which can be filled range by range. */
export function initialParameters(
  network: Network,
  { seed, sd = ARTICLE_SD }: InitializeOptions,
): InitialTensor[] {
  return Object.entries(parametersOf(network)).map(([name, spec]) => ({
    name,
    length: elementCount(spec.shape),
    fill: (values, firstIndex) => {
      const constant = constantOf(spec)
      if (constant !== null) values.fill(constant)
      else truncatedNormal(values, { seed, tensor: name, sd, firstIndex })
    },
  }))
}

/**
 * The initial parameters of a training, by name: weights normal, with a deviation that keeps the size of values from
 * layer to layer, and biases 0, unless the layer's `initial` says otherwise; batch norms as in `initialize`. The same
 * bits on every engine and machine. Sources: He et al. 2015 for layers followed by ReLU or another activation that lets large
 * inputs through, Glorot & Bengio 2010 for those followed by sigmoid, hardSigmoid or tanh.
 */
export function initializeForTraining(
  network: Network,
  options: Pick<InitializeOptions, 'seed'>,
): Record<string, Float32Array> {
  requireOptions('initializeForTraining', options, seedRules)
  return filled(trainingParameters(network, options))
}

/** The tensors of `initializeForTraining`, which can be filled range by range. */
export function trainingParameters(
  network: Network,
  { seed }: Pick<InitializeOptions, 'seed'>,
): InitialTensor[] {
  return network.layers.flatMap((layer) => {
    const own = hasWeights(layer) ? trainedOf(layer).initial : undefined
    const activation = activationAfter(network, layer)
    return Object.entries(layer.parameters).map(
      ([name, spec]): InitialTensor => ({
        name,
        length: elementCount(spec.shape),
        fill: (values, firstIndex) => {
          const place = { seed, tensor: name, firstIndex }
          const constant = constantOf(spec, own?.biases)
          if (constant !== null) values.fill(constant)
          else if (own) truncatedNormal(values, { ...place, sd: own.weightsSd })
          else normal(values, { ...place, sd: Math.sqrt(weightsVariance(spec.shape, activation)) })
        },
      }),
    )
  })
}

/** The initial value of a parameter's elements; null for weights, whose elements differ. */
function constantOf({ role, initial }: ParameterSpec, biases = 0): number | null {
  const [scale, other] = [initial ?? 1, initial ?? 0]
  const constants = {
    weights: null,
    biases,
    scale,
    shift: 0,
    slope: other,
    statistic: other,
    constant: other,
  }
  return constants[role]
}

/** AlexNet's value. */
const DEFAULT_DECAY = 5e-4

/**
 * How much of each trained parameter is added to its gradient, by name: `decay` for weights and biases, as in PyTorch's
 * optimizers, and 0 for scales, shifts and slopes. If a layer has its own `decay`, that applies to its weights, and its
 * biases have none, or to its scale and shift. `decay` is 5e-4 by default, or 0 if any layer with weights has its own.
 */
export function weightDecays(network: Network, decay?: number): Record<string, number> {
  const hasOwn = network.layers.some((layer) => hasWeights(layer) && trainedOf(layer).decay !== undefined)
  const common = decay ?? (hasOwn ? 0 : DEFAULT_DECAY)
  const decays = network.layers.flatMap((layer) => {
    const own = trainedOf(layer).decay
    const decayOf = {
      weights: own ?? common,
      biases: own === undefined ? common : 0,
      scale: own ?? 0,
      shift: own ?? 0,
      slope: 0,
      statistic: null,
      constant: null,
    }
    return Object.entries(layer.parameters).flatMap(([name, { role }]) =>
      decayOf[role] === null ? [] : [[name, decayOf[role]] as const],
    )
  })
  return Object.fromEntries(decays)
}

const hasWeights = ({ parameters }: ResolvedLayer): boolean =>
  Object.values(parameters).some(({ role }) => role === 'weights')

/** Layers for which this can't be set have no such options. */
const trainedOf = ({ layer }: ResolvedLayer): Trained => layer.options as Trained

/**
 * The variance of weights of the shape (..., in, out). In a convolution in groups, `in` is the channels of one group and `out`
 * all filters, as PyTorch counts them. A transposed convolution has the weights of the convolution whose gradient it is, and,
 * as in PyTorch, that convolution's fan-in.
 */
function weightsVariance(shape: Shape, activation: ActivationKind | null): number {
  const fanIn = elementCount(shape.slice(0, -1))
  const fanOut = elementCount(shape) / shape.at(-2)!
  if (activation === null) return 1 / fanIn
  return rectifies(activation) ? 2 / fanIn : 2 / (fanIn + fanOut)
}

/** The activation that a layer's sums go through: its own, or the first one after it and before any other weights. */
function activationAfter(
  network: Network,
  { layer }: ResolvedLayer,
  seen = new Set<string>(),
): ActivationKind | null {
  if (seen.has(layer.name)) return null
  seen.add(layer.name)
  if ('activation' in layer.options && layer.options.activation) return partsOf(layer.options.activation).kind
  for (const reader of network.layers) {
    if (!reader.inputs.includes(layer.name) || hasWeights(reader)) continue
    const { activation, rectifies: isLikeRelu } = definitionOf(reader.layer)
    if (isLikeRelu) return 'relu'
    if (isActivation(activation)) return activation
    const later = activationAfter(network, reader, seen)
    if (later !== null) return later
  }
  return null
}

/** The tensors of `initializeImages`, which can be filled range by range. */
export function initialInputs(
  network: Network,
  batch: number,
  { seed, sd = ARTICLE_SD }: InitializeOptions,
): InitialTensor[] {
  const classes = labelClasses(network)
  return Object.entries(network.inputs).map(([name, shape]) => ({
    name,
    length: batch * elementCount(shape),
    fill: (values, firstIndex) => {
      const count = classes[name]
      if (count === undefined) return normal(values, { seed, tensor: name, sd, firstIndex })
      uniform(values, { seed, tensor: name, firstIndex })
      for (let i = 0; i < values.length; i++) values[i] = Math.floor(values[i]! * count)
    },
  }))
}

function filled(tensors: readonly InitialTensor[]): Record<string, Float32Array> {
  return Object.fromEntries(
    tensors.map(({ name, length, fill }) => {
      const values = new Float32Array(length)
      fill(values, 0)
      return [name, values]
    }),
  )
}
