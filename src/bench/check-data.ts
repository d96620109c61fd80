// The check's own weights and images, and what the reference makes of the first image.

import { referenceForward, statisticTensor, type Tensors } from '../engines/reference-network.ts'
import { definitionOf, isTrainedRole, type Layer, saturates } from '../layers/index.ts'
import { type InitialTensor, initialInputs } from '../networks/initialize.ts'
import { type Network, parametersOf, type ResolvedLayer } from '../networks/network.ts'
import type { Plan } from '../plan/plan.ts'
import { TURN_TENSOR } from '../plan/training.ts'
import { normal, truncatedNormal, uniform } from '../random.ts'
import { elementCount } from '../tensor.ts'
import type { DataRequest, SharedTensors } from './parts.ts'

/** By layer name. */
export type Activations = Readonly<Record<string, Float64Array>>

const BIAS_SHARE = 0.1

/** All images different; weights that leave the size of what goes through them as it is. */
export function checkTensors({ network, batch, seed }: DataRequest): InitialTensor[] {
  const parameters = Object.entries(parametersOf(network)).map(
    ([name, { shape, role, initial = role === 'scale' ? 1 : 0 }]): InitialTensor => {
      const sd = 1 / Math.sqrt(elementCount(shape.slice(0, -1)))
      return {
        name,
        length: elementCount(shape),
        fill: (values, firstIndex) => {
          const place = { seed, tensor: name, firstIndex }
          if (role === 'weights') truncatedNormal(values, { ...place, sd })
          else if (initial === 0)
            normal(values, { ...place, sd: BIAS_SHARE * (role === 'statistic' ? WANTED_RMS : 1) })
          else {
            // Around what it is at first: a scale around 1, a variance around that of what a layer is to read.
            uniform(values, place)
            const size = role === 'statistic' ? WANTED_RMS ** 2 : 1
            for (let i = 0; i < values.length; i++) values[i] = size * (0.5 + values[i]!)
          }
        },
      }
    },
  )
  return [...parameters, ...initialInputs(network, batch, { seed, sd: 1 })]
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

/** Where LRN and ReLU really act: at the benchmark's own scale, outputs near 0.2, a wrong LRN would pass. */
const WANTED_RMS = 30
/**
 * Of what a softmax, a sigmoid or a tanh reads: at 30 one class would have all of the softmax, and none of the others could
 * be seen to be missing.
 */
const UNSATURATED_RMS = 1

/**
 * The reference's activations of the first image in the pass forward. On the way scales the parameters in `given` so that every
 * layer's outputs are near 30 (near 1 where 30 would saturate what reads them): by powers of two, so that the reference's
 * outputs scale exactly along with them.
 */
export function checkActivations(network: Network, given: SharedTensors): Activations {
  const layers = network.layers.filter(({ isLoss }) => !isLoss)
  const tensors = firstImage(network, given)
  referenceForward({ ...network, layers }, tensors, {
    batch: 1,
    pass: 'forward',
    onLayer: (layer) => {
      const rms = wantedRms(network, layer)
      if (rms !== null) scaleOutput(layer, tensors, rms)
    },
  })
  return Object.fromEntries(layers.map(({ layer }) => [layer.name, tensors[layer.name] as Float64Array]))
}

function firstImage(network: Network, given: SharedTensors): Tensors {
  const images = Object.entries(network.inputs).map(([name, shape]) => [
    name,
    given[name]!.subarray(0, elementCount(shape)),
  ])
  return { ...given, ...Object.fromEntries(images) }
}

/**
 * The first image in a pass of training. From the first layer on that does something else there, its activations are made
 * anew, layer by layer as the engine's steps come: what a layer takes of the whole batch is the engine's, which its own step
 * was checked for.
 */
export class FirstImageInTraining {
  readonly #plan: Plan
  readonly #tensors: Tensors
  readonly #others: readonly ResolvedLayer[]

  constructor(plan: Plan, given: SharedTensors, inForward: Activations) {
    const layers = plan.network.layers.filter(({ isLoss }) => !isLoss)
    const first = layers.findIndex(({ layer }) => {
      const { isOffInForward, batchStatistics } = definitionOf(layer)
      return isOffInForward || batchStatistics
    })
    this.#plan = plan
    this.#others = first < 0 ? [] : layers.slice(first)
    this.#tensors = { ...firstImage(plan.network, given), ...inForward }
    for (const { layer } of this.#others) delete this.#tensors[layer.name]
    this.#tensors[TURN_TENSOR] = Float64Array.of(CHECKED_TURN)
  }

  /** What the layer makes of it; null of what is no layer's output. `statistic` gives what the engine has of the batch. */
  activation(tensor: string, statistic: (tensor: string) => Float64Array): Float64Array | null {
    const layer = this.#others.find(({ layer }) => layer.name === tensor)
    if (layer) {
      for (const [full, { role }] of Object.entries(layer.parameters)) {
        if (role !== 'statistic' || this.#plan.frozen.includes(tensor)) continue
        const name = statisticTensor(tensor, full.slice(tensor.length + 1))
        this.#tensors[name] = statistic(name)
      }
      const network = { ...this.#plan.network, layers: [layer] }
      const frozen = new Set(this.#plan.frozen)
      const options = { batch: 1, pass: 'forward-backward', frozen, takesStatistics: true } as const
      referenceForward(network, this.#tensors, options)
    }
    const isActivation = this.#plan.network.layers.some(
      ({ layer, isLoss }) => !isLoss && layer.name === tensor,
    )
    return isActivation ? (this.#tensors[tensor] as Float64Array) : null
  }
}

/** Null where the outputs would not scale along with the parameters: behind an activation that saturates. */
function wantedRms(network: Network, { layer }: ResolvedLayer): number | null {
  if (activationSaturates(layer)) return null
  return isToBeSmall(network, layer.name) ? UNSATURATED_RMS : WANTED_RMS
}

const activationSaturates = ({ options }: Layer): boolean =>
  'activation' in options && saturates(options.activation)

/** Whether what reads it saturates, or what reads that, where no parameters are between them whose outputs are scaled too. */
function isToBeSmall(network: Network, tensor: string, seen = new Set<string>()): boolean {
  if (seen.has(tensor)) return false
  seen.add(tensor)
  return network.layers.some(({ layer, inputs, isLoss, parameters }) => {
    if (!inputs.includes(tensor)) return false
    const { saturatesInput, batchStatistics } = definitionOf(layer)
    if (saturatesInput) return inputs[0] === tensor
    // What is normalized has its size by itself.
    if (activationSaturates(layer) && !batchStatistics) return true
    return !isLoss && Object.keys(parameters).length === 0 && isToBeSmall(network, layer.name, seen)
  })
}

function scaleOutput({ layer, parameters }: ResolvedLayer, tensors: Tensors, wantedRms: number): void {
  // Statistics are those of what it reads, whatever comes of it.
  const names = Object.keys(parameters).filter((name) => isTrainedRole(parameters[name]!.role))
  const output = tensors[layer.name]!
  let squares = 0
  for (const value of output) squares += value * value
  const rms = Math.sqrt(squares / output.length)
  if (names.length === 0 || rms === 0) return
  const factor = 2 ** Math.round(Math.log2(wantedRms / rms))
  for (const name of [layer.name, ...names]) {
    const values = tensors[name]!
    for (let i = 0; i < values.length; i++) values[i]! *= factor
  }
}
