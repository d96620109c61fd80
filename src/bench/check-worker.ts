// A worker of the check: it makes the check's data with the reference's answer to it, and compares steps. The caller's
// thread computes nothing.

import { referenceForward, type Tensors } from '../engines/reference-network.ts'
import { messageOf } from '../errors.ts'
import { initializeImages } from '../networks/initialize.ts'
import { type Network, parametersOf } from '../networks/network.ts'
import type { Plan } from '../plan/plan.ts'
import { readsOf, type Step, writesOf } from '../plan/steps.ts'
import { gridOf, type View } from '../plan/views.ts'
import { normal, truncatedNormal } from '../random.ts'
import { onMessage, postMessage } from '../runtime/port.ts'
import { elementCount } from '../tensor.ts'
import { type Comparison, compareImage, compareStep, digest, type Share } from './truth.ts'

export type CheckRequest =
  | { readonly kind: 'make'; readonly network: Network; readonly batch: number; readonly seed: number }
  | {
      readonly kind: 'load'
      readonly plan: Plan
      readonly memory: ArrayBufferLike
      readonly bufferOffsets: ReadonlyMap<number, number>
      readonly data: CheckData
      readonly share: Share
    }
  /** Before a step runs: what it must write is filled with NaN, so that a value left from another run can't pass. */
  | { readonly kind: 'poison'; readonly index: number }
  | { readonly kind: 'step'; readonly index: number }
  | { readonly kind: 'digest'; readonly views: readonly View[] }

/** What is fed, and what the reference makes of its first image. Shared memory: no copy between threads. */
export interface CheckData {
  readonly inputs: Readonly<Record<string, Float32Array>>
  readonly parameters: Readonly<Record<string, Float32Array>>
  readonly activations: Readonly<Record<string, Float64Array>>
}

export type CheckReply =
  | { readonly kind: 'made'; readonly data: CheckData }
  | { readonly kind: 'loaded' }
  | { readonly kind: 'poisoned' }
  | {
      readonly kind: 'stepped'
      readonly comparisons: readonly Comparison[]
      /** Digests of what the step read, after it ran, and of what it wrote. */
      readonly reads: readonly number[]
      readonly writes: readonly number[]
    }
  | { readonly kind: 'digested'; readonly digests: readonly number[] }
  | { readonly kind: 'failed'; readonly message: string }

let loaded: Extract<CheckRequest, { kind: 'load' }> | null = null

onMessage((request: CheckRequest) => {
  try {
    postMessage(answer(request))
  } catch (error) {
    postMessage({ kind: 'failed', message: messageOf(error) } satisfies CheckReply)
  }
})

function answer(request: CheckRequest): CheckReply {
  switch (request.kind) {
    case 'make':
      return { kind: 'made', data: makeData(request.network, request.batch, request.seed) }
    case 'load':
      loaded = request
      return { kind: 'loaded' }
    case 'digest':
      return { kind: 'digested', digests: request.views.map(digestOf) }
    case 'poison':
      for (const view of writesOf(loaded!.plan.steps[request.index]!)) poison(view)
      return { kind: 'poisoned' }
    case 'step':
      return compare(loaded!.plan.steps[request.index]!)
  }
}

function look(view: View) {
  const { memory, bufferOffsets } = loaded!
  return gridOf(view, new Float32Array(memory), bufferOffsets.get(view.buffer)!)
}

/** All of the tensor's buffer, halo and padded channels too. */
function poison(view: View): void {
  const { memory, bufferOffsets, plan } = loaded!
  const from = bufferOffsets.get(view.buffer)!
  new Float32Array(memory).fill(Number.NaN, from, from + plan.buffers[view.buffer]!.length)
}

const digestOf = (view: View): number => digest(view, look, loaded!.share)

function compare(step: Step): CheckReply {
  const { data, share } = loaded!
  const reads = readsOf(step).map(digestOf)
  const comparisons = compareStep(step, look, share)
  // End to end: that the steps are wired as the network says.
  if (share.index === 0 && step.pass === 'forward') {
    for (const view of writesOf(step)) {
      const truth = data.activations[view.tensor]
      if (truth) comparisons.push(compareImage(view, look, truth))
    }
  }
  return { kind: 'stepped', comparisons, reads, writes: writesOf(step).map(digestOf) }
}

/** Where LRN and ReLU really act: at the benchmark's own scale, outputs near 0.2, a wrong LRN would pass. */
const WANTED_RMS = 30
const BIAS_SHARE = 0.1

/**
 * All images different and every layer's outputs near 30. Weights are scaled by powers of two, so that the reference's
 * outputs scale exactly along with them.
 */
function makeData(network: Network, batch: number, seed: number): CheckData {
  const inputs = Object.fromEntries(
    Object.entries(initializeImages(network, batch, { seed, sd: 1 })).map(([name, values]) => [
      name,
      share(values),
    ]),
  )
  const parameters: Record<string, Float32Array> = {}
  for (const [name, { shape, initial }] of Object.entries(parametersOf(network))) {
    const values = (parameters[name] = share(new Float32Array(elementCount(shape))))
    const fanIn = elementCount(shape.slice(0, -1))
    if (initial === 'zeros') normal(values, { seed, tensor: name, sd: BIAS_SHARE })
    else truncatedNormal(values, { seed, tensor: name, sd: 1 / Math.sqrt(fanIn) })
  }

  const tensors: Tensors = {}
  for (const [name, shape] of Object.entries(network.inputs)) {
    tensors[name] = Float64Array.from(inputs[name]!.subarray(0, elementCount(shape)))
  }
  for (const name of Object.keys(parameters)) tensors[name] = Float64Array.from(parameters[name]!)
  const layers = network.layers.filter(({ isLoss }) => !isLoss)
  referenceForward({ ...network, layers }, tensors, {
    batch: 1,
    onLayer: (layer) => {
      const names = Object.keys(layer.parameters)
      const output = tensors[layer.layer.name]!
      const rms = Math.sqrt(output.reduce((sum, value) => sum + value * value, 0) / output.length)
      if (names.length === 0 || rms === 0) return
      const factor = 2 ** Math.round(Math.log2(WANTED_RMS / rms))
      const scale = (values: Float32Array | Float64Array): void => {
        for (let i = 0; i < values.length; i++) values[i]! *= factor
      }
      scale(output)
      for (const name of names) scale(parameters[name]!)
    },
  })
  const activations = Object.fromEntries(layers.map(({ layer }) => [layer.name, tensors[layer.name]!]))
  return { inputs, parameters, activations }
}

function share(values: Float32Array): Float32Array {
  const shared = new Float32Array(new SharedArrayBuffer(values.byteLength))
  shared.set(values)
  return shared
}
