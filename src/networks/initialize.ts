import { integerFromZero, numberOverZero, optional, type Rules, requireOptions } from '../check-options.ts'
import {
  type Activation,
  definitionOf,
  isActivation,
  isTrainedRole,
  type ParameterSpec,
  type Trained,
} from '../layers/index.ts'
import { normal, truncatedNormal, uniform } from '../random.ts'
import { elementCount, type Shape } from '../tensor.ts'
import { labelClasses, type Network, parametersOf, type ResolvedLayer } from './network.ts'

export interface InitializeOptions {
  readonly seed: number
  /** Standard deviation of the weights; the article's 0.1 by default. */
  readonly sd?: number
}

const seedRules: Rules<Pick<InitializeOptions, 'seed'>> = { seed: integerFromZero }
const rules: Rules<InitializeOptions> = { ...seedRules, sd: optional(numberOverZero) }

/** A tensor to be filled. Any stretch of it can be made by itself, so that threads share the work. */
export interface InitialTensor {
  readonly name: string
  readonly length: number
  /** Fills `values`, the first of which is the tensor's value `firstIndex`. */
  fill(values: Float32Array, firstIndex: number): void
}

const ARTICLE_SD = 0.1

/**
 * The benchmark's parameters by name: weights truncated normal (redrawn past 2 sd), biases 0; of a batch norm scale and running
 * variance 1, shift and running mean 0.
 * The same bits on every engine and machine.
 */
export function initialize(network: Network, options: InitializeOptions): Record<string, Float32Array> {
  requireOptions('initialize', options, rules)
  return filled(initialParameters(network, options))
}

/**
 * The benchmark's inputs of so many images, by name: images (N, H, W, C), normal with sd 0.1, all different; labels (N),
 * any class as likely as another.
 */
export function initializeImages(
  network: Network,
  batch: number,
  options: InitializeOptions,
): Record<string, Float32Array> {
  requireOptions('initializeImages', options, rules)
  return filled(initialInputs(network, batch, options))
}

/** What `initialize` makes, to be made in parts. */
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
 * The parameters that training begins with, by name: weights normal, so that what goes through a layer keeps its size, and
 * biases 0, unless the layer's `initial` says otherwise; batch norms as in `initialize`. The same bits on every engine and machine.
 * Sources: He et al. 2015 where ReLU is behind a layer, Glorot & Bengio 2010 where sigmoid or tanh is.
 */
export function initializeForTraining(
  network: Network,
  options: Pick<InitializeOptions, 'seed'>,
): Record<string, Float32Array> {
  requireOptions('initializeForTraining', options, seedRules)
  return filled(trainingParameters(network, options))
}

/** What `initializeForTraining` makes, to be made in parts. */
export function trainingParameters(
  network: Network,
  { seed }: Pick<InitializeOptions, 'seed'>,
): InitialTensor[] {
  return network.layers.flatMap((layer) => {
    const own = trainedOf(layer).initial
    const activation = activationBehind(network, layer)
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

/** What each value of a parameter begins with; null of weights, which differ. */
function constantOf({ role, initial = 0 }: ParameterSpec, biases = 0): number | null {
  const constants = { weights: null, biases, scale: 1, shift: 0, statistic: initial }
  return constants[role]
}

/** AlexNet's. */
const DEFAULT_DECAY = 5e-4

/**
 * How much of each parameter that is trained is added to its gradient, by name: `decay` of every one, biases, scales and shifts
 * too, as PyTorch's optimizers do; where a layer has a `decay` of its own, that of its weights and none of the others. Without a `decay` it is 5e-4,
 * or 0 beside layers that have their own.
 */
export function weightDecays(network: Network, decay?: number): Record<string, number> {
  const hasOwn = network.layers.some((layer) => trainedOf(layer).decay !== undefined)
  const common = decay ?? (hasOwn ? 0 : DEFAULT_DECAY)
  const decays = network.layers.flatMap((layer) => {
    const own = trainedOf(layer).decay
    const trained = Object.entries(layer.parameters).filter(([, { role }]) => isTrainedRole(role))
    return trained.map(([name, { role }]) => [
      name,
      own === undefined ? common : role === 'weights' ? own : 0,
    ])
  })
  return Object.fromEntries(decays)
}

/** Layers that can't be treated in a way of their own have no such options. */
const trainedOf = ({ layer }: ResolvedLayer): Trained => layer.options as Trained

/** Of weights (..., in, out). */
function weightsVariance(shape: Shape, activation: Activation | null): number {
  const fanIn = elementCount(shape.slice(0, -1))
  const fanOut = elementCount(shape) / shape.at(-2)!
  if (activation === null) return 1 / fanIn
  return activation === 'relu' ? 2 / fanIn : 2 / (fanIn + fanOut)
}

/** The activation that a layer's sums go through: its own, or the first behind it that comes before other weights. */
function activationBehind(
  network: Network,
  { layer }: ResolvedLayer,
  seen = new Set<string>(),
): Activation | null {
  if (seen.has(layer.name)) return null
  seen.add(layer.name)
  if ('activation' in layer.options && layer.options.activation) return layer.options.activation
  for (const reader of network.layers) {
    const hasWeights = Object.values(reader.parameters).some(({ role }) => role === 'weights')
    if (!reader.inputs.includes(layer.name) || hasWeights) continue
    const { activation } = definitionOf(reader.layer)
    if (isActivation(activation)) return activation
    const behind = activationBehind(network, reader, seen)
    if (behind !== null) return behind
  }
  return null
}

/** What `initializeImages` makes, to be made in parts. */
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
