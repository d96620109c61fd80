// The check's own weights and images, and what the reference makes of the first image.

import { referenceForward, statisticTensor, type Tensors } from '../engines/reference-network.ts'
import {
  type Activated,
  activateAll,
  definitionOf,
  inputSizeOf,
  type Layer,
  scalesOutput,
} from '../layers/index.ts'
import { type InitialTensor, initialInputs } from '../networks/initialize.ts'
import { type Network, parametersOf, type ResolvedLayer } from '../networks/network.ts'
import type { Plan } from '../plan/plan.ts'
import { TURN_TENSOR } from '../plan/training.ts'
import { hashAt, keyOf, normal, uniform } from '../random.ts'
import { Barrier } from '../runtime/barrier.ts'
import { elementCount } from '../tensor.ts'
import { type Contributor, forwardTogether } from './shared-reference.ts'
import type { DataRequest, SharedTensors } from './shared-tensors.ts'

/** By layer name. */
export type Activations = Readonly<Record<string, Float64Array>>

const BIAS_SHARE = 0.1

/** All images different; weights that leave the size of what goes through them as it is, unless parameters are given. */
export function checkTensors({ network, batch, seed, hasParameters }: DataRequest): InitialTensor[] {
  const inputs = initialInputs(network, batch, { seed, sd: 1 })
  if (hasParameters) return inputs
  const parameters = Object.entries(parametersOf(network)).map(
    ([name, { shape, role, initial: given = 0 }]): InitialTensor => {
      // A scale is drawn around 1 however small it begins: beside its shift a small one could not be seen.
      const initial = role === 'scale' ? 1 : given
      const sd = 1 / Math.sqrt(elementCount(shape.slice(0, -1)))
      return {
        name,
        length: elementCount(shape),
        fill: (values, firstIndex) => {
          const place = { seed, tensor: name, firstIndex }
          if (role === 'weights') fillEvenly(values, place, sd)
          else if (initial === 0)
            normal(values, { ...place, sd: BIAS_SHARE * (role === 'statistic' ? WANTED_RMS : 1) })
          else {
            // Around what it is at first: a scale around 1, a variance around that of what a layer is to read.
            uniform(values, place)
            const size = role === 'statistic' ? WANTED_RMS ** 2 : initial
            for (let i = 0; i < values.length; i++) values[i] = size * (0.5 + values[i]!)
          }
        },
      }
    },
  )
  return [...parameters, ...inputs]
}

/** Evenly distributed around 0: of all distributions the cheapest to draw, and VGG has 138 million weights. */
function fillEvenly(
  values: Float32Array,
  { seed, tensor, firstIndex }: { seed: number; tensor: string; firstIndex: number },
  sd: number,
): void {
  const key = keyOf(seed, tensor)
  // From 32 bits with a sign; the variance of values between -1 and 1 is a third.
  const scale = (Math.sqrt(3) * sd) / 2 ** 31
  for (let i = 0; i < values.length; i++) values[i] = scale * (hashAt(key, firstIndex + i) + 0.5)
}

/** Of a dropout mask; the first is what sessions begin with. */
const CHECKED_TURN = 3
/** So large a step that an update can't be overlooked. */
const CHECKED_RATES = [0.05, 1.5]

/** What the pass `train` reads beyond parameters and inputs: states of an optimizer at work, positive, and its settings. */
export function trainingTensors(plan: Plan, seed: number): InitialTensor[] {
  return Object.entries(plan.tensors).flatMap(([name, { role, shape }]): InitialTensor[] => {
    if (role !== 'state' && role !== 'setting') return []
    const fill = (values: Float32Array, firstIndex: number): void => {
      if (name === TURN_TENSOR) values.fill(CHECKED_TURN)
      else if (role === 'setting') values.set(CHECKED_RATES.slice(firstIndex, firstIndex + values.length))
      else uniform(values, { seed, tensor: name, firstIndex })
    }
    return [{ name, length: elementCount(shape), fill }]
  })
}

/**
 * The root mean square of outputs, at which LRN and ReLU really act: at the benchmark's own scale, outputs near 0.2, a wrong
 * LRN would pass. What a softmax, a sigmoid or a relu6 reads has the size that these ask for (`inputSize`): at 30 one class
 * would have all of the softmax, and nobody could see that another is missing.
 */
const WANTED_RMS = 30

/** A thread that computes alone. */
const ALONE: Contributor = { index: 0, count: 1, barrier: new Barrier(null, 1) }

/**
 * The reference's activations of the first image in the pass forward, into `activations`. On the way scales the parameters in
 * `given` so that every layer's outputs are near 30, or near the size that their readers ask for, and its sums near the size
 * that its own activation asks for. Parameters are scaled by powers of two, so that the reference's values scale exactly along.
 * With `keepsParameters` nothing is scaled: they are those of a trained network.
 */
export function makeActivations(
  network: Network,
  given: SharedTensors,
  activations: Activations,
  contributor = ALONE,
  { keepsParameters = false }: { readonly keepsParameters?: boolean } = {},
): void {
  const tensors = { ...firstImage(network, given), ...activations }
  const parameters = parametersOf(network)
  const layers = withActivations(network)
  referenceForward({ ...network, layers: keepsParameters ? layers : layers.map(withSums) }, tensors, {
    batch: 1,
    pass: 'forward',
    compute: (layer, context) => forwardTogether(layer, context, contributor),
    onLayer: ({ layer: { name } }) => {
      if (contributor.index === 0 && !keepsParameters) {
        const layer = layers.find(({ layer }) => layer.name === name)!
        const size = ownSize(layer)
        scaleOutput(layer, tensors, size ?? sizeAskedOf(network, name) ?? WANTED_RMS)
        if (size !== null)
          activateAll(layer.layer.options as Activated, tensors[name]!, 0, tensors[name]!.length)
      }
      contributor.barrier.wait()
    },
  })
  if (contributor.index > 0 || keepsParameters) return
  for (const name of Object.keys(parameters)) given[name]!.set(tensors[name]!)
}

/** What has an activation of its own for each image. */
const withActivations = (network: Network): ResolvedLayer[] => network.layers.filter(({ isLoss }) => !isLoss)

/** How many values each layer's activation of one image has. */
export const activationLengths = (layers: readonly ResolvedLayer[]): Readonly<Record<string, number>> =>
  Object.fromEntries(layers.map(({ layer, outputShape }) => [layer.name, elementCount(outputShape)]))

export const lengthsInForward = (network: Network) => activationLengths(withActivations(network))

/** Those that are made anew in training: from the first layer on that does something else there. */
export const lengthsInTraining = (network: Network) => activationLengths(changedInTraining(network))

function changedInTraining(network: Network): readonly ResolvedLayer[] {
  const layers = withActivations(network)
  const first = layers.findIndex(({ layer }) => {
    const { isOffInForward, batchStatistics } = definitionOf(layer)
    return isOffInForward || batchStatistics
  })
  return first < 0 ? [] : layers.slice(first)
}

/** What the network reads for one image. Few values are in float64, as the activations are: the plain loops like one type. */
function firstImage(network: Network, given: SharedTensors): Tensors {
  const images = Object.entries(network.inputs).map(([name, shape]) => [
    name,
    Float64Array.from(given[name]!.subarray(0, elementCount(shape))),
  ])
  const parameters = Object.entries(parametersOf(network)).map(([name, { role }]) => [
    name,
    role === 'weights' ? given[name]! : Float64Array.from(given[name]!),
  ])
  return Object.fromEntries([...parameters, ...images])
}

/**
 * The first image in a pass of training, where its activations are made anew, layer by layer as the engine's steps come: what a
 * layer takes of the whole batch is the engine's, which its own step was checked for.
 */
export class FirstImageInTraining {
  readonly #plan: Plan
  readonly #tensors: Tensors
  readonly #changed: readonly ResolvedLayer[]
  readonly #contributor: Contributor

  /** Threads that make it together are given the same memory for what is `made`. */
  constructor(
    plan: Plan,
    given: SharedTensors,
    inForward: Activations,
    made: Activations,
    contributor: Contributor,
  ) {
    this.#plan = plan
    this.#changed = changedInTraining(plan.network)
    this.#tensors = { ...firstImage(plan.network, given), ...inForward, ...made }
    this.#tensors[TURN_TENSOR] = Float64Array.of(CHECKED_TURN)
    this.#contributor = contributor
  }

  /** What the layer makes of it; null of what is no layer's output. `statistic` gives what the engine has of the batch. */
  activation(tensor: string, statistic: (tensor: string) => Float64Array): Float64Array | null {
    const layer = this.#changed.find(({ layer }) => layer.name === tensor)
    if (layer) {
      for (const [full, { role }] of Object.entries(layer.parameters)) {
        if (role !== 'statistic' || this.#plan.frozen.includes(tensor)) continue
        const name = statisticTensor(tensor, full.slice(tensor.length + 1))
        this.#tensors[name] = statistic(name)
      }
      const network = { ...this.#plan.network, layers: [layer] }
      const frozen = new Set(this.#plan.frozen)
      referenceForward(network, this.#tensors, {
        batch: 1,
        pass: 'forward-backward',
        frozen,
        takesStatistics: true,
        compute: (layer, context) => forwardTogether(layer, context, this.#contributor),
      })
    }
    const isActivation = this.#plan.network.layers.some(
      ({ layer, isLoss }) => !isLoss && layer.name === tensor,
    )
    return isActivation ? (this.#tensors[tensor] as Float64Array) : null
  }
}

/** The root mean square that the layer's own activation asks of its sums; null if it asks for none. */
const ownSize = ({ layer: { options } }: ResolvedLayer): number | null =>
  'activation' in options ? inputSizeOf(options.activation) : null

/** The layer without its activation, if that asks for a size: after it the outputs would not scale along with the parameters. */
function withSums(resolved: ResolvedLayer): ResolvedLayer {
  if (ownSize(resolved) === null) return resolved
  const { layer } = resolved
  return { ...resolved, layer: { ...layer, options: { ...layer.options, activation: undefined } } as Layer }
}

/**
 * The smallest size that a tensor's readers ask for, or the readers of their outputs, as long as no layer between has
 * parameters that scale its outputs; null if none asks. `seen` are the tensors that were looked at already.
 */
function sizeAskedOf(network: Network, tensor: string, seen = new Set<string>()): number | null {
  if (seen.has(tensor)) return null
  seen.add(tensor)
  const sizes = network.layers.flatMap((reader) => {
    const { layer, inputs, isLoss, parameters } = reader
    if (!inputs.includes(tensor)) return []
    const size = definitionOf(layer).inputSize?.(layer.options as never) ?? null
    if (size !== null) return inputs[0] === tensor ? [size] : []
    if (isLoss || Object.values(parameters).some(({ role }) => scalesOutput(role))) return []
    return ownSize(reader) ?? sizeAskedOf(network, layer.name, seen) ?? []
  })
  return sizes.length === 0 ? null : Math.min(...sizes)
}

function scaleOutput({ layer, parameters }: ResolvedLayer, tensors: Tensors, wantedRms: number): void {
  // Statistics are those of what the layer reads, whatever its outputs are.
  const names = Object.keys(parameters).filter((name) => scalesOutput(parameters[name]!.role))
  const output = tensors[layer.name]!
  let squares = 0
  for (const value of output) squares += value * value
  const rms = Math.sqrt(squares / output.length)
  if (names.length === 0 || rms === 0) return
  const factor = 2 ** Math.round(Math.log2(wantedRms / rms))
  if (factor === 1) return
  for (const name of [layer.name, ...names]) {
    const values = tensors[name]!
    for (let i = 0; i < values.length; i++) values[i]! *= factor
  }
}
