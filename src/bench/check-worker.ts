// A worker of the check: it makes the check's data with the reference's answer to it, and compares steps. The caller's
// thread computes nothing.

import { messageOf } from '../errors.ts'
import type { Network } from '../networks/network.ts'
import type { Plan } from '../plan/plan.ts'
import { changesOf, lastReads, type Step, writesOf } from '../plan/steps.ts'
import { gridOf, type View } from '../plan/views.ts'
import { Barrier } from '../runtime/barrier.ts'
import { onMessage, postMessage } from '../runtime/port.ts'
import type { Grid } from '../tensor.ts'
import {
  type Activations,
  checkTensors,
  FirstImageInTraining,
  makeActivations,
  trainingTensors,
} from './check-data.ts'
import {
  type Before,
  bitsOf,
  Comparer,
  type Comparison,
  compareImage,
  denseImage,
  denseParameter,
  imagesOfShare,
  imagesToCompute,
  rowsOfShare,
  Scratch,
} from './comparison.ts'
import {
  isWindowed,
  type OutputsBeside,
  outputsBeside,
  putOutliers,
  sourceOf,
  takeOutliers,
} from './outlier.ts'
import { isOfWholeBatch } from './own-loops.ts'
import type { Contributor } from './shared-reference.ts'
import { type DataRequest, fillShare, ownBuffers, type Share, type SharedTensors } from './shared-tensors.ts'
import { compareStep } from './truth.ts'

/** What tensors are filled with. */
export type FillWhat =
  | ({ readonly kind: 'fill' } & DataRequest)
  | { readonly kind: 'fill-training'; readonly plan: Plan; readonly seed: number }

/** Which of the workers it is, and the memory of their barrier; null where one worker is all. */
export interface Place extends Share {
  readonly barrier: Int32Array | null
}

/** By the plan's buffers: what the engine has there, where its memory can't be seen. */
type Copies = ReadonlyMap<number, Float32Array>

export type CheckRequest =
  | (FillWhat & { readonly tensors: SharedTensors; readonly share: Share })
  | {
      readonly kind: 'answer'
      readonly network: Network
      readonly tensors: SharedTensors
      /** What the workers make together. */
      readonly activations: Activations
      readonly keepsParameters: boolean
      readonly place: Place
    }
  | {
      readonly kind: 'load'
      readonly plan: Plan
      /** Null where the engine's memory can't be seen. */
      readonly memory: ArrayBufferLike | null
      readonly bufferOffsets: ReadonlyMap<number, number>
      /** The check's own data, and what the reference makes of its first image in the pass forward. */
      readonly tensors: SharedTensors
      readonly activations: Activations
      /** Memory for those that are made anew in a pass of training. */
      readonly remade: Activations
      readonly place: Place
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
  | { readonly kind: 'outlier-compared'; readonly beside: OutputsBeside; readonly copies: Copies }
  | {
      readonly kind: 'stepped'
      readonly comparisons: readonly Comparison[]
      /** Digests of what the step read for the last time, after it ran, and of what it wrote. */
      readonly reads: readonly number[]
      readonly writes: readonly number[]
    }
  | { readonly kind: 'digested'; readonly digests: readonly number[] }
  | { readonly kind: 'failed'; readonly message: string }

interface Kept {
  /** Of a parameter: its rows of this share. */
  readonly rows?: Grid
  /** Of an activation: those images that are computed. */
  readonly images?: ReadonlyMap<number, Grid>
  readonly digest: number
}

let loaded: Extract<CheckRequest, { kind: 'load' }> | null = null
let copies: Copies = new Map()
/** Of the plan's steps. */
let readLast: ReturnType<typeof lastReads> = []
/** Null in the pass forward, whose activations are computed before the check begins. */
let firstImage: FirstImageInTraining | null = null
/** Of the step that runs, by buffer: what it changes in place, as it was, and the digests of that. */
const before = new Map<number, Kept>()
/** Memory of that. */
const keptValues = new Scratch()
/** Where the workers wait for each other. */
let barrier: Barrier | null = null
/** In what the step reads. */
let outliers: ReturnType<typeof putOutliers> = []

onMessage((request: CheckRequest) => {
  try {
    if ('copies' in request) copies = request.copies
    const reply = answer(request)
    postMessage(reply, ownedBy(reply))
  } catch (error) {
    barrier?.break()
    postMessage({ kind: 'failed', message: messageOf(error) } satisfies CheckReply)
  }
})

/** What changes hands with a reply. */
function ownedBy(reply: CheckReply): Transferable[] {
  if ('activations' in reply) return [...ownBuffers(reply.tensors), ...ownBuffers(reply.activations)]
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
      const { network, tensors, activations, keepsParameters } = request
      makeActivations(network, tensors, activations, contributorAt(request.place), { keepsParameters })
      return { kind: 'answered', activations, tensors }
    }
    case 'load':
      loaded = request
      readLast = lastReads(request.plan.steps)
      firstImage =
        request.plan.pass === 'forward'
          ? null
          : new FirstImageInTraining(
              request.plan,
              request.tensors,
              request.activations,
              request.remade,
              contributorAt(request.place),
            )
      return { kind: 'loaded' }
    case 'digest':
      return { kind: 'digested', digests: request.views.map(digestOf) }
    case 'poison':
      return { kind: 'poisoned', copies: prepareStep(loaded!.plan.steps[request.index]!) }
    case 'put-outliers': {
      const step = windowedStep(request.index)
      outliers = putOutliers(step, look, loaded!.place)
      return { kind: 'outliers-put', copies: copyOf(sourceOf(step)) }
    }
    case 'outlier-error': {
      const step = windowedStep(request.index)
      const beside = outputsBeside(step, look, outliers)
      takeOutliers(step, look, outliers)
      return { kind: 'outlier-compared', beside, copies: copyOf(sourceOf(step)) }
    }
    case 'step':
      return compare(request.index)
  }
}

function contributorAt({ index, count, barrier: words }: Place): Contributor {
  barrier = new Barrier(words, count)
  return { index, count, barrier }
}

function look(view: View): Grid {
  const { memory, bufferOffsets } = loaded!
  if (memory) return gridOf(view, new Float32Array(memory), bufferOffsets.get(view.buffer)!)
  return gridOf(view, copies.get(view.buffer)!, 0)
}

look.before = {
  has: (view) => before.has(view.buffer),
  rows: (view) => before.get(view.buffer)!.rows!,
  image: (view, image) => before.get(view.buffer)!.images!.get(image)!,
} satisfies Before

function prepareStep(step: Step): Copies {
  const changed = changesOf(step).map(({ buffer }) => buffer)
  const poisoned = new Map<number, Float32Array>()
  before.clear()
  keptValues.clear()
  for (const view of writesOf(step)) {
    if (changed.includes(view.buffer)) {
      const kept = step.pass === 'update' ? { rows: keptRows(view) } : { images: keptImages(view, step) }
      before.set(view.buffer, { ...kept, digest: digestOf(view) })
    } else if (loaded!.memory) poison(view, loaded!.memory)
    else poisoned.set(view.buffer, new Float32Array(lengthOf(view)).fill(Number.NaN))
  }
  return poisoned
}

function keptImages(view: View, step: Step): ReadonlyMap<number, Grid> {
  const { plan, place } = loaded!
  // The first worker alone computes a step that goes over the whole batch at once.
  const isWhole = place.index === 0 && isOfWholeBatch(step, plan)
  const kept = isWhole ? imagesToCompute(view) : imagesOfShare(view, place)
  return new Map(kept.map((n) => [n, denseImage(look(view), n, keptValues)]))
}

/** A copy of this share's rows, as a grid in which the others are not. */
function keptRows(view: View): Grid {
  const grid = look(view)
  const [first, end] = rowsOfShare(view, loaded!.place)
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
  const { bufferOffsets, place } = loaded!
  const from = bufferOffsets.get(view.buffer)!
  const at = (index: number) => from + Math.floor((lengthOf(view) * index) / place.count)
  new Float32Array(memory).fill(Number.NaN, at(place.index), at(place.index + 1))
}

const digestOf = (view: View): number => bitsOf(view, look, loaded!.place).digest

function compare(index: number): CheckReply {
  const { plan, activations, place } = loaded!
  const step = plan.steps[index]!
  const reads = readLast[index]!.map((view) => before.get(view.buffer)?.digest ?? digestOf(view))
  const comparisons = compareStep(step, plan, look, place)
  // End to end: that the steps are wired as the network says.
  if (step.pass === 'forward') {
    for (const view of writesOf(step)) {
      const statistic = (tensor: string) => denseParameter(look(plan.tensors[tensor]!.view))
      const truth = firstImage ? firstImage.activation(view.tensor, statistic) : activations[view.tensor]
      if (truth && place.index === 0) comparisons.push(compareImage(view, look, truth))
    }
  }
  const writes = writesOf(step).map((view) => {
    const { digest, areFinite } = bitsOf(view, look, place)
    // This includes the values that are not compared: none may be left unwritten.
    if (!areFinite) comparisons.push(notFinite(view))
    return digest
  })
  return { kind: 'stepped', comparisons, reads, writes }
}

function notFinite(view: View): Comparison {
  const comparer = new Comparer(view)
  comparer.add(Number.NaN, 0)
  return comparer.result()
}
