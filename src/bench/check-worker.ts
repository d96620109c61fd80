// A worker of the check: it makes the check's data with the reference's answer to it, and compares steps. The caller's
// thread computes nothing.

import { messageOf } from '../errors.ts'
import type { Network } from '../networks/network.ts'
import type { Plan } from '../plan/plan.ts'
import { changesOf, lastReads, type Step, writesOf } from '../plan/steps.ts'
import { gridOf, type View } from '../plan/views.ts'
import { onMessage, postMessage } from '../runtime/port.ts'
import type { Grid } from '../tensor.ts'
import {
  type Activations,
  checkActivations,
  checkTensors,
  FirstImageInTraining,
  trainingTensors,
} from './check-data.ts'
import {
  type Comparison,
  compareImage,
  denseParameter,
  digest,
  imagesToCompute,
  rowsOfShare,
} from './comparison.ts'
import { errorBesideOutliers, isWindowed, putOutliers, sourceOf, takeOutliers } from './outlier.ts'
import { type DataRequest, fillShare, ownBuffers, type Share, type SharedTensors } from './parts.ts'
import { compareStep } from './truth.ts'

/** What tensors are filled with. */
export type FillWhat =
  | ({ readonly kind: 'fill' } & DataRequest)
  | { readonly kind: 'fill-training'; readonly plan: Plan; readonly seed: number }

/** By the plan's buffers: what the engine has there, where its memory can't be seen. */
type Copies = ReadonlyMap<number, Float32Array>

export type CheckRequest =
  | (FillWhat & { readonly tensors: SharedTensors; readonly share: Share })
  | { readonly kind: 'answer'; readonly network: Network; readonly tensors: SharedTensors }
  | {
      readonly kind: 'load'
      readonly plan: Plan
      /** Null where the engine's memory can't be seen. */
      readonly memory: ArrayBufferLike | null
      readonly bufferOffsets: ReadonlyMap<number, number>
      /** The check's own data, and what the reference makes of its first image in the pass forward. */
      readonly tensors: SharedTensors
      readonly activations: Activations
      readonly share: Share
    }
  /**
   * Before a step runs: what it must write is filled with NaN, so that a value left from another run can't pass; what it
   * changes in place is kept.
   */
  | { readonly kind: 'poison'; readonly index: number; readonly copies: Copies }
  | { readonly kind: 'step'; readonly index: number; readonly copies: Copies }
  /** Then the step is run, and `outlier-error` compares and puts the values back. */
  | { readonly kind: 'put-outliers'; readonly index: number; readonly copies: Copies }
  | { readonly kind: 'outlier-error'; readonly index: number; readonly copies: Copies }
  | { readonly kind: 'digest'; readonly views: readonly View[]; readonly copies: Copies }

export type CheckReply =
  | { readonly kind: 'filled'; readonly tensors: SharedTensors }
  | {
      readonly kind: 'answered'
      readonly tensors: SharedTensors
      readonly activations: Activations
    }
  | { readonly kind: 'loaded' }
  /** With the copies that were filled, to be put into the engine's memory. */
  | { readonly kind: 'poisoned'; readonly copies: Copies }
  /** Likewise. */
  | { readonly kind: 'outliers-put'; readonly copies: Copies }
  | { readonly kind: 'outlier-compared'; readonly error: number | null; readonly copies: Copies }
  | {
      readonly kind: 'stepped'
      readonly comparisons: readonly Comparison[]
      /** Digests of what the step read for the last time, after it ran, and of what it wrote. */
      readonly reads: readonly number[]
      readonly writes: readonly number[]
    }
  | { readonly kind: 'digested'; readonly digests: readonly number[] }
  | { readonly kind: 'failed'; readonly message: string }

let loaded: Extract<CheckRequest, { kind: 'load' }> | null = null
let copies: Copies = new Map()
/** Of the plan's steps. */
let readLast: ReturnType<typeof lastReads> = []
/** Null in the pass forward, of which all is known before. */
let firstImage: FirstImageInTraining | null = null
/** Of the step that runs, by buffer: what it changes in place, as it was, and the digests of that. */
const before = new Map<number, { readonly values: Grid; readonly digest: number }>()
/** In what the step reads. */
let outliers: ReturnType<typeof putOutliers> = []

onMessage((request: CheckRequest) => {
  try {
    if ('copies' in request) copies = request.copies
    const reply = answer(request)
    postMessage(reply, ownedBy(reply))
  } catch (error) {
    postMessage({ kind: 'failed', message: messageOf(error) } satisfies CheckReply)
  }
})

/** What changes hands with a reply. */
function ownedBy(reply: CheckReply): Transferable[] {
  if ('tensors' in reply) return ownBuffers(reply.tensors)
  return 'copies' in reply ? [...reply.copies.values()].map(({ buffer }) => buffer as ArrayBuffer) : []
}

function answer(request: CheckRequest): CheckReply {
  switch (request.kind) {
    case 'fill':
      fillShare(checkTensors(request), request.tensors, request.share)
      return { kind: 'filled', tensors: request.tensors }
    case 'fill-training':
      fillShare(trainingTensors(request.plan, request.seed), request.tensors, request.share)
      return { kind: 'filled', tensors: request.tensors }
    case 'answer': {
      const { network, tensors } = request
      return { kind: 'answered', activations: checkActivations(network, tensors), tensors }
    }
    case 'load':
      loaded = request
      readLast = lastReads(request.plan.steps)
      firstImage =
        request.plan.pass === 'forward'
          ? null
          : new FirstImageInTraining(request.plan, request.tensors, request.activations)
      return { kind: 'loaded' }
    case 'digest':
      return { kind: 'digested', digests: request.views.map(digestOf) }
    case 'poison':
      return { kind: 'poisoned', copies: prepareStep(loaded!.plan.steps[request.index]!) }
    case 'put-outliers': {
      const step = windowedStep(request.index)
      outliers = putOutliers(step, look)
      return { kind: 'outliers-put', copies: copyOf(sourceOf(step)) }
    }
    case 'outlier-error': {
      const step = windowedStep(request.index)
      const error = errorBesideOutliers(step, look, outliers)
      takeOutliers(step, look, outliers)
      return { kind: 'outlier-compared', error, copies: copyOf(sourceOf(step)) }
    }
    case 'step':
      return compare(request.index)
  }
}

function look(view: View): Grid {
  const { memory, bufferOffsets } = loaded!
  if (memory) return gridOf(view, new Float32Array(memory), bufferOffsets.get(view.buffer)!)
  return gridOf(view, copies.get(view.buffer)!, 0)
}

look.before = (view: View): Grid => before.get(view.buffer)!.values
look.changes = (view: View): boolean => before.has(view.buffer)

function prepareStep(step: Step): Copies {
  const changed = changesOf(step).map(({ buffer }) => buffer)
  const poisoned = new Map<number, Float32Array>()
  before.clear()
  for (const view of writesOf(step)) {
    if (changed.includes(view.buffer)) {
      const values = step.pass === 'update' ? keptRows(view) : keptImages(view)
      before.set(view.buffer, { values, digest: digestOf(view) })
    }
    if (changed.includes(view.buffer)) continue
    if (loaded!.memory) poison(view, loaded!.memory)
    else poisoned.set(view.buffer, new Float32Array(lengthOf(view)).fill(Number.NaN))
  }
  return poisoned
}

/** A copy of the images that are computed, in their places: of a large tensor those are a few. */
function keptImages(view: View): Grid {
  const grid = look(view)
  const [images, height, width, channels] = grid.shape
  const values = new Float32Array(lengthOf(view))
  const from = grid.offset - view.offset
  for (const n of imagesToCompute(images, height * width * channels)) {
    const [first, end] = [n * grid.imagePitch, (n + 1) * grid.imagePitch]
    values.set(grid.values.subarray(from + first, from + end), first)
  }
  return { ...grid, values, offset: view.offset }
}

/** A copy of this share's rows, as a grid in which the others are not. */
function keptRows(view: View): Grid {
  const grid = look(view)
  const [first, end] = rowsOfShare(view, loaded!.share)
  const from = grid.offset + first * grid.pixelPitch
  const values = grid.values.slice(from, grid.offset + end * grid.pixelPitch)
  return { ...grid, values, offset: -first * grid.pixelPitch }
}

function windowedStep(index: number) {
  const step = loaded!.plan.steps[index]!
  if (!isWindowed(step)) throw new Error(`a step ${step.kind} has no window`)
  return step
}

/** What the engine has to take over, if its memory can't be seen. */
const copyOf = ({ buffer }: View): Copies =>
  new Map(loaded!.memory ? [] : [[buffer, copies.get(buffer)!] as const])

const lengthOf = ({ buffer }: View): number => loaded!.plan.buffers[buffer]!.length

/** This share of the tensor's buffer, halo and padded channels too. */
function poison(view: View, memory: ArrayBufferLike): void {
  const { bufferOffsets, share } = loaded!
  const from = bufferOffsets.get(view.buffer)!
  const at = (index: number) => from + Math.floor((lengthOf(view) * index) / share.count)
  new Float32Array(memory).fill(Number.NaN, at(share.index), at(share.index + 1))
}

const digestOf = (view: View): number => digest(view, look, loaded!.share)

function compare(index: number): CheckReply {
  const { plan, activations, share } = loaded!
  const step = plan.steps[index]!
  const reads = readLast[index]!.map((view) => before.get(view.buffer)?.digest ?? digestOf(view))
  const comparisons = compareStep(step, plan, look, share)
  // End to end: that the steps are wired as the network says.
  if (share.index === 0 && step.pass === 'forward') {
    for (const view of writesOf(step)) {
      const statistic = (tensor: string) => denseParameter(look(loaded!.plan.tensors[tensor]!.view))
      const truth = firstImage ? firstImage.activation(view.tensor, statistic) : activations[view.tensor]
      if (truth) comparisons.push(compareImage(view, look, truth))
    }
  }
  return { kind: 'stepped', comparisons, reads, writes: writesOf(step).map(digestOf) }
}
