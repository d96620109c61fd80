// The check's own weights and images, and what the reference makes of the first image.

import { referenceForward, type Tensors } from '../engines/reference-network.ts'
import { definitionOf, saturates } from '../layers/index.ts'
import { type InitialTensor, initialInputs } from '../networks/initialize.ts'
import { type Network, parametersOf, type ResolvedLayer } from '../networks/network.ts'
import type { Pass, Plan } from '../plan/plan.ts'
import { TURN_TENSOR } from '../plan/training.ts'
import { normal, truncatedNormal, uniform } from '../random.ts'
import { elementCount } from '../tensor.ts'
import type { DataRequest, SharedTensors } from './parts.ts'

/** By layer name. */
export type Activations = Readonly<Record<string, Float64Array>>

const BIAS_SHARE = 0.1

/** All images different; weights that leave the size of what goes through them as it is. */
export function checkTensors({ network, batch, seed }: DataRequest): InitialTensor[] {
  const parameters = Object.entries(parametersOf(network)).map(([name, { shape, role }]): InitialTensor => {
    const sd = 1 / Math.sqrt(elementCount(shape.slice(0, -1)))
    return {
      name,
      length: elementCount(shape),
      fill: (values, firstIndex) => {
        if (role === 'biases') normal(values, { seed, tensor: name, sd: BIAS_SHARE, firstIndex })
        else truncatedNormal(values, { seed, tensor: name, sd, firstIndex })
      },
    }
  })
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
 * The reference's activations of the first image, for each pass. On the way scales the parameters in `given` so that every
 * layer's outputs are near 30 (near 1 where 30 would saturate what reads them): by powers of two, so that the reference's
 * outputs scale exactly along with them.
 */
export function checkActivations(network: Network, given: SharedTensors): Record<Pass, Activations> {
  const layers = network.layers.filter(({ isLoss }) => !isLoss)
  const inference: Tensors = { ...given }
  for (const [name, shape] of Object.entries(network.inputs)) {
    inference[name] = given[name]!.subarray(0, elementCount(shape))
  }
  referenceForward({ ...network, layers }, inference, {
    batch: 1,
    pass: 'forward',
    onLayer: (layer) => {
      const rms = wantedRms(network, layer)
      if (rms !== null) scaleOutput(layer, inference, rms)
    },
  })

  // What differs in training is made anew: from the first layer on that is off in forward.
  const training: Tensors = { ...inference }
  const firstOff = layers.findIndex(({ layer }) => definitionOf(layer).isOffInForward)
  const others = firstOff < 0 ? [] : layers.slice(firstOff)
  for (const { layer } of others) delete training[layer.name]
  training[TURN_TENSOR] = Float64Array.of(CHECKED_TURN)
  referenceForward({ ...network, layers: others }, training, { batch: 1, pass: 'forward-backward' })

  const activationsOf = (tensors: Tensors): Activations =>
    Object.fromEntries(layers.map(({ layer }) => [layer.name, tensors[layer.name] as Float64Array]))
  const forwardBackward = activationsOf(training)
  return { forward: activationsOf(inference), 'forward-backward': forwardBackward, train: forwardBackward }
}

/** Null where the outputs would not scale along with the parameters: behind an activation that saturates. */
function wantedRms(network: Network, { layer }: ResolvedLayer): number | null {
  if ('activation' in layer.options && saturates(layer.options.activation)) return null
  const isUnsaturated = network.layers.some(
    (reader) => definitionOf(reader.layer).saturatesInput && reader.inputs[0] === layer.name,
  )
  return isUnsaturated ? UNSATURATED_RMS : WANTED_RMS
}

function scaleOutput({ layer, parameters }: ResolvedLayer, tensors: Tensors, wantedRms: number): void {
  const names = Object.keys(parameters)
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
