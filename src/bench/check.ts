import { type Rules, requireOptions } from '../check-options.ts'
import { type Inspection, prepareRules } from '../engines/engine.ts'
import { CheckError, ConvmarkError } from '../errors.ts'
import { definitionOf } from '../layers/index.ts'
import { type Network, requireParameters } from '../networks/network.ts'
import { BEFORE_ALL, isWritable, type Plan } from '../plan/plan.ts'
import { changesOf, lastReads, readsOf, type Step, writesOf } from '../plan/steps.ts'
import type { View } from '../plan/views.ts'
import { Barrier } from '../runtime/barrier.ts'
import { workerFile } from '../runtime/worker-file.ts'
import { endAll, startWorkers, type WorkerHandle } from '../runtime/worker-pool.ts'
import type { Session } from '../session.ts'
import {
  type Activations,
  checkTensors,
  lengthsInForward,
  lengthsInTraining,
  trainingTensors,
} from './check-data.ts'
import type { CheckReply, CheckRequest, FillWhat, Place } from './check-worker.ts'
import type { Comparison } from './comparison.ts'
import { errorOf, isWindowed, outputOf, sourceOf, type WindowedStep } from './outlier.ts'
import {
  allocateShared,
  type DataRequest,
  ownBuffers,
  type SharedTensors,
  seenByAll,
  sharedBytes,
  workersOf,
} from './shared-tensors.ts'

/**
 * The largest error that the check accepts: an engine whose error is larger is refused; a right one has 1e-6 (direct)
 * to 1e-5 (Winograd).
 */
export const MAX_RELATIVE_ERROR = 1e-4

/**
 * End to end, behind batch norms in training: they divide by the deviation of what reads them, and each makes the rounding errors
 * of the layers before it larger where that is small beside the mean, in any float32. A step that is wired wrongly is off by 1.
 */
export const MAX_NORMALIZED_ERROR = 1e-2

/** Its own data, not the benchmark's: another seed, another scale. */
const CHECK_SEED = 1

/** What the check of an engine found. */
export interface CheckResult {
  /** What the engine was compared with, in words: `float64, 10 steps and one image end to end`. */
  readonly against: string
  /** 2-norm of the difference over 2-norm of the truth, of the worst tensor of the worst step. */
  readonly maxRelativeError: number
  /** The tensor with the largest error. */
  readonly tensor: string
  /** Null where no output misses a part of what its step reads. */
  readonly outlier: OutlierError | null
  /** True: an engine whose results are wrong makes the check throw CheckError. */
  readonly passed: boolean
}

/**
 * What one value, a million times as large as the others, does to outputs beside it that do not read it: their largest
 * error, over their own size, of the worst step. It is Winograd's algorithm's nature, and not refused; see docs/method.md.
 */
export interface OutlierError {
  /** The error over the outputs' own size. */
  readonly error: number
  /** The tensor that has it. */
  readonly tensor: string
}

/** How a check reports, and how it is ended. */
export interface CheckOptions {
  /** How many steps of the plan were compared. */
  readonly onProgress?: (progress: { readonly done: number; readonly total: number }) => void
  /** If aborted, the check rejects. */
  readonly signal?: AbortSignal | undefined
}

const rules: Rules<CheckOptions> = { onProgress: prepareRules.onProgress, signal: prepareRules.signal }

/** What is fed, and what the reference makes of its first image in the pass forward. */
interface CheckData {
  readonly tensors: SharedTensors
  readonly activations: Activations
}

type CheckWorker = WorkerHandle<CheckRequest, CheckReply>

/**
 * Checks sessions of one network and batch. The reference's answer is begun at once, beside whatever the caller does:
 * tuning, most of the time. See docs/method.md for what is compared and why.
 */
export class Checker {
  readonly #workers: readonly CheckWorker[]
  readonly #data: Promise<CheckData>
  readonly #barrier: Int32Array | null
  /** Memory of the first image in training, which every session's check makes anew. */
  #remade: Activations | null = null

  /**
   * `parameters`: those of a trained network, with which it is checked; by default the check's own, at which every
   * layer acts.
   */
  constructor(
    network: Network,
    batch: number,
    threads: number,
    parameters: Readonly<Record<string, Float32Array>> | null = null,
  ) {
    if (parameters) requireParameters(network, parameters)
    this.#workers = startWorkers<CheckRequest, CheckReply>(workersOf(threads), () => ({
      name: 'check worker',
      inNode: (name) => workerFile(name, 'check-worker', () => import.meta.resolve('./check-worker.js')),
      inBrowser: () => new Worker(new URL('./check-worker.js', import.meta.url), { type: 'module' }),
    }))
    this.#barrier = this.#workers.length > 1 ? Barrier.allocate() : null
    const request = { network, batch, seed: CHECK_SEED, hasParameters: parameters !== null }
    this.#data = this.#makeData(request, parameters && seenByAll(parameters))
    this.#data.catch(() => {}) // whoever checks is told
  }

  /**
   * Runs the session's own plan step by step, compares every step with float64 and the whole with the reference, then
   * runs it as it will be timed and compares the bits. Leaves the check's data in the session, and states and settings at 0.
   * Throws CheckError, naming step and tensor, where the engine is wrong.
   */
  async check(session: Session, options: CheckOptions = {}): Promise<CheckResult> {
    requireOptions('check', options, rules)
    const { plan, inspection } = session.prepared
    if (!inspection) {
      if (session.engine.name === 'reference') {
        return {
          against: 'nothing: this engine is the reference',
          maxRelativeError: 0,
          tensor: '',
          outlier: null,
          passed: true,
        }
      }
      throw new ConvmarkError(`engine ${session.engine.name} can't be checked step by step`)
    }
    const data = await this.#data
    const workers = this.#workers
    if (plan.pass !== 'forward') this.#remade ??= allocateActivations(lengthsInTraining(plan.network))
    const remade = this.#remade ?? {}
    await Promise.all(
      workers.map((worker, index) => {
        const { memory, bufferOffsets } = inspection
        const place = this.#placeOf(index)
        return ask(worker, { kind: 'load', plan, memory, bufferOffsets, ...data, remade, place }, 'loaded')
      }),
    )
    const training = await this.#trainingTensors(plan)
    session.write({ ...data.tensors, ...training })
    await inspection.runStep(BEFORE_ALL)

    const digests = new Digests(workers, inspection)
    const given = Object.values(plan.tensors).filter(({ role }) => isWritable(role))
    await digests.remember(given.map(({ view }) => view))
    const readLast = lastReads(plan.steps)
    let worst = { tensor: '', error: 0 }
    /** End to end, of networks that take statistics of the batch. */
    let worstNormalized = 0
    const normalized = behindBatchStatistics(plan)
    let outlier: OutlierError | null = null
    for (const [index, step] of plan.steps.entries()) {
      options.signal?.throwIfAborted()
      // Before the step runs as it is: that run makes good what this one leaves.
      const besideOutliers = isWindowed(step) ? await this.#outlierError(inspection, step, index) : null
      await this.#poison(inspection, step, index)
      await inspection.runStep(index)
      const copies = await inspection.fetch(buffersOf([...readsOf(step), ...writesOf(step)]))
      const replies = await this.#askAll({ kind: 'step', index, copies }, 'stepped')
      digests.require(readLast[index]!, sums(replies.map(({ reads }) => reads)), nameOf(step))
      digests.set(writesOf(step), sums(replies.map(({ writes }) => writes)))
      const comparisons = replies.flatMap((reply) => reply.comparisons)
      for (const { tensor, kind, error } of relativeErrors(comparisons)) {
        const isNormalized = kind === 'end to end' && normalized.has(tensor)
        const most = isNormalized ? MAX_NORMALIZED_ERROR : MAX_RELATIVE_ERROR
        if (!(error <= most)) {
          throw new CheckError(
            `the check failed: ${nameOf(step)}: '${tensor}' is off by ${error.toExponential(1)}` +
              `${kind === 'end to end' ? ' end to end' : ''} ` +
              `(2-norm, at most ${most} is allowed); engine ${session.engine.name} is refused`,
          )
        }
        if (isNormalized) worstNormalized = Math.max(worstNormalized, error)
        else if (error >= worst.error) worst = { tensor, error }
      }
      if (besideOutliers !== null) {
        const { tensor } = outputOf(step as WindowedStep)
        if (!Number.isFinite(besideOutliers)) {
          throw new CheckError(
            `the check failed: ${nameOf(step)}: '${tensor}' is not finite beside a large value; ` +
              `engine ${session.engine.name} is refused`,
          )
        }
        if (besideOutliers > (outlier?.error ?? -1)) outlier = { error: besideOutliers, tensor }
      }
      options.onProgress?.({ done: index + 1, total: plan.steps.length })
    }

    const kept = Object.values(plan.tensors).filter(({ isKept }) => isKept)
    const views = kept.map(({ view }) => view)
    digests.require(views, await digests.of(views), 'the end of the steps')
    // What the steps left must not pass for what the run makes, not even in tensors that only the run itself reads. What
    // they changed is given once more.
    for (const [index, step] of plan.steps.entries()) await this.#poison(inspection, step, index)
    session.write({ ...data.tensors, ...training })
    await session.run()
    digests.require(views, await digests.of(views), 'the run as it is timed')
    for (const values of Object.values(training)) values.fill(0)
    session.write(training)
    return {
      against:
        `float64, ${plan.steps.length} steps and one image end to end` +
        (normalized.size > 0 ? ` (off by ${worstNormalized.toExponential(1)} behind batch norms)` : ''),
      maxRelativeError: worst.error,
      tensor: worst.tensor,
      outlier,
      passed: true,
    }
  }

  /** Runs the step with outliers in what it reads, and leaves that as it was: the step is to be run again. */
  async #outlierError(inspection: Inspection, step: WindowedStep, index: number): Promise<number | null> {
    const given = await inspection.fetch(buffersOf([sourceOf(step)]))
    const put = await this.#askAll({ kind: 'put-outliers', index, copies: given }, 'outliers-put')
    inspection.store(put[0]!.copies)
    await inspection.runStep(index)
    const copies = await inspection.fetch(buffersOf([...readsOf(step), ...writesOf(step)]))
    const compared = await this.#askAll({ kind: 'outlier-error', index, copies }, 'outlier-compared')
    inspection.store(compared[0]!.copies)
    return errorOf(compared.map(({ beside }) => beside))
  }

  /** Fills what the step must write with NaN; what it changes in place is kept by the workers. */
  async #poison(inspection: Inspection, step: Step, index: number): Promise<void> {
    // It does nothing in a run: what it makes is there before the first step.
    if (step.pass === 'prepare') return
    const copies = await inspection.fetch(buffersOf(changesOf(step)))
    const poisoned = await this.#askAll({ kind: 'poison', index, copies }, 'poisoned')
    inspection.store(poisoned[0]!.copies)
  }

  /** The check's own tensors, and the reference's answer to them. */
  async #makeData(request: DataRequest, parameters: SharedTensors | null): Promise<CheckData> {
    const filled = await this.#fill(allocateShared(checkTensors(request)), { kind: 'fill', ...request })
    const { network, hasParameters: keepsParameters } = request
    const activations = allocateActivations(lengthsInForward(network))
    const own = [...ownBuffers(filled), ...ownBuffers(activations)]
    const answers = await Promise.all(
      this.#workers.map((worker, index) => {
        const place = this.#placeOf(index)
        const tensors = { ...parameters, ...filled }
        const answer = { kind: 'answer', network, tensors, activations, keepsParameters, place } as const
        return ask(worker, answer, 'answered', own)
      }),
    )
    return { tensors: answers[0]!.tensors, activations: answers[0]!.activations }
  }

  readonly #placeOf = (index: number): Place => ({
    index,
    count: this.#workers.length,
    barrier: this.#barrier,
  })

  /** What training has beyond parameters and inputs: an optimizer that has been at work, and settings. */
  #trainingTensors(plan: Plan): Promise<SharedTensors> {
    const tensors = allocateShared(trainingTensors(plan, CHECK_SEED))
    return this.#fill(tensors, { kind: 'fill-training', plan, seed: CHECK_SEED })
  }

  /** Each worker its share. */
  async #fill(tensors: SharedTensors, request: FillWhat): Promise<SharedTensors> {
    const filled = await Promise.all(
      this.#workers.map((worker, index) => {
        const share = { index, count: this.#workers.length }
        return ask(worker, { ...request, tensors, share }, 'filled', ownBuffers(tensors))
      }),
    )
    return filled[0]!.tensors
  }

  #askAll<Kind extends CheckReply['kind']>(
    request: CheckRequest,
    kind: Kind,
  ): Promise<Extract<CheckReply, { kind: Kind }>[]> {
    return Promise.all(this.#workers.map((worker) => ask(worker, request, kind)))
  }

  /** Ends the threads of the reference. */
  async dispose(): Promise<void> {
    await endAll(this.#workers)
  }
}

/** The layers whose outputs hang on what a layer takes of the batch: itself, or one before it. */
function behindBatchStatistics({ network, pass, frozen }: Plan): ReadonlySet<string> {
  const behind = new Set<string>()
  if (pass === 'forward') return behind
  for (const { layer, inputs } of network.layers) {
    const takes = definitionOf(layer).batchStatistics !== undefined && !frozen.includes(layer.name)
    if (takes || inputs.some((input) => behind.has(input))) behind.add(layer.name)
  }
  return behind
}

const allocateActivations = (lengths: Readonly<Record<string, number>>): Activations =>
  Object.fromEntries(
    Object.entries(lengths).map(([name, length]) => [
      name,
      new Float64Array(sharedBytes(length * Float64Array.BYTES_PER_ELEMENT)),
    ]),
  )

const buffersOf = (views: readonly View[]): number[] => [...new Set(views.map(({ buffer }) => buffer))]

const nameOf = (step: Step): string => `${step.kind} of ${step.layer}`

async function ask<Kind extends CheckReply['kind']>(
  worker: CheckWorker,
  request: CheckRequest,
  kind: Kind,
  transfer: readonly Transferable[] = [],
): Promise<Extract<CheckReply, { kind: Kind }>> {
  worker.post(request, transfer)
  const reply = await worker.next()
  if (reply.kind === 'failed') throw new ConvmarkError(`the check could not be made: ${reply.message}`)
  if (reply.kind !== kind) throw new ConvmarkError(`the check: '${reply.kind}' where '${kind}' was due`)
  return reply as Extract<CheckReply, { kind: Kind }>
}

/** Adds up what the workers found of their shares. */
function relativeErrors(
  comparisons: readonly Comparison[],
): { tensor: string; kind: Comparison['kind']; error: number }[] {
  const groups = new Map<string, Comparison[]>()
  for (const comparison of comparisons) {
    const key = `${comparison.tensor} ${comparison.kind}`
    groups.set(key, [...(groups.get(key) ?? []), comparison])
  }
  return [...groups.values()].map((parts) => {
    const difference = parts.reduce((sum, part) => sum + part.differenceSquares, 0)
    const truth = parts.reduce((sum, part) => sum + part.truthSquares, 0)
    const error = truth > 0 ? Math.sqrt(difference / truth) : Math.sqrt(difference)
    const { tensor, kind } = parts[0]!
    return { tensor, kind, error }
  })
}

const sums = (shares: readonly (readonly number[])[]): number[] =>
  shares[0]!.map((_, i) => shares.reduce((sum, share) => (sum + share[i]!) | 0, 0))

/**
 * What every tensor's bits were when its step had written them. A tensor that is not the same any more when it is read
 * shares memory with another: nothing else would show that, since a step is compared given its own inputs.
 */
class Digests {
  readonly #workers: readonly CheckWorker[]
  readonly #inspection: Inspection
  readonly #byBuffer = new Map<number, number>()

  constructor(workers: readonly CheckWorker[], inspection: Inspection) {
    this.#workers = workers
    this.#inspection = inspection
  }

  async of(views: readonly View[]): Promise<number[]> {
    const copies = await this.#inspection.fetch(buffersOf(views))
    const replies = await Promise.all(
      this.#workers.map((worker) => ask(worker, { kind: 'digest', views, copies }, 'digested')),
    )
    return sums(replies.map(({ digests }) => digests))
  }

  async remember(views: readonly View[]): Promise<void> {
    this.set(views, await this.of(views))
  }

  set(views: readonly View[], digests: readonly number[]): void {
    views.forEach((view, i) => {
      this.#byBuffer.set(view.buffer, digests[i]!)
    })
  }

  require(views: readonly View[], digests: readonly number[], when: string): void {
    views.forEach((view, i) => {
      if (this.#byBuffer.get(view.buffer) === digests[i]) return
      throw new CheckError(
        `the check failed: ${when}: '${view.tensor}' is not what its step wrote; its memory was overwritten`,
      )
    })
  }
}
