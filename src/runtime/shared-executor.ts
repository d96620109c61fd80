import { ConvmarkError, InterruptedError } from '../errors.ts'
import { loadCodes } from './code.ts'
import { type ComputeWorker, replyOf } from './compute-workers.ts'
import {
  ABORT,
  ACTIVE_THREADS,
  abort,
  controlByteLength,
  DONE,
  END_STAGE,
  FIRST_STAGE,
  generationOf,
  resetTasks,
} from './control.ts'
import { CALLING_THREAD, type Executor, type LoadedProgram, unusable } from './executor.ts'
import { isNode } from './host.ts'
import { runTasks, type SegmentTimes, slotsOf, stageTimesOf, type TaskRunner } from './tasks.ts'
import { endAll } from './worker-pool.ts'

/** A frame of a page that is drawn 60 times a second. */
const MOST_BETWEEN_TURNS_MS = 16

/**
 * Runs stages on all workers in lockstep, over shared memory. The caller is notified when a run has ended. A worker
 * that fails or dies ends the run with its error; after that nothing can be run.
 */
export class SharedExecutor implements Executor {
  readonly #workers: readonly ComputeWorker[]
  readonly #control: Int32Array<SharedArrayBuffer>
  readonly #times: Float64Array<SharedArrayBuffer>
  readonly #program: LoadedProgram
  /** Of each thread. */
  readonly #segmentTimes: readonly SegmentTimes[]
  readonly #lost: Promise<never>
  #failure: Error | null = null
  #threads: number
  /** The calling thread's own, once it has run something. */
  #ownRunner: TaskRunner | null = null
  #isDisposed = false
  /** When the calling thread last did something else between two of its own runs. */
  #lastTurnMs = 0

  private constructor(workers: readonly ComputeWorker[], program: LoadedProgram) {
    const { stages } = program
    this.#workers = workers
    this.#control = new Int32Array(new SharedArrayBuffer(controlByteLength(stages.length, workers.length)))
    this.#times = new Float64Array(new SharedArrayBuffer(8 * (stages.length + 1)))
    this.#program = program
    this.#threads = workers.length
    const slots = slotsOf(stages)
    this.#segmentTimes = workers.map(() => new Float64Array(new SharedArrayBuffer(8 * slots)))
    const { promise, reject } = withResolvers<never>()
    this.#lost = promise
    promise.catch(() => {}) // the current run gets the error, or else the next one
    const fail = (error: Error): void => {
      this.#failure ??= error
      abort(this.#control)
      reject(this.#failure)
    }
    for (const worker of workers) {
      worker.onLoss(fail)
      worker.onEnd(() => abort(this.#control)) // a worker that was told to end no longer arrives at a barrier
    }
  }

  static async load(workers: readonly ComputeWorker[], program: LoadedProgram): Promise<SharedExecutor> {
    const executor = new SharedExecutor(workers, program)
    await Promise.all(
      workers.map(async (worker, thread) => {
        worker.post({
          kind: 'load',
          memory: program.memory,
          control: executor.#control.buffer,
          times: executor.#times.buffer,
          segmentTimes: executor.#segmentTimes[thread]!.buffer as SharedArrayBuffer,
          codes: program.codes,
          stages: program.stages,
          thread,
          threads: workers.length,
          threadScratch: program.threadScratch + thread * program.threadScratchByteLength,
        })
        await replyOf(worker, 'loaded')
      }),
    )
    return executor
  }

  async run(first: number, end: number, signal?: AbortSignal): Promise<void> {
    if (this.#failure) throw unusable(this.#failure)
    if (signal?.aborted) throw new InterruptedError('the run was interrupted', { cause: signal.reason })
    if (this.#threads === CALLING_THREAD) return this.#runHere(first, end)
    const control = this.#control
    const { length } = this.#program.stages
    resetTasks(control, { first, end, stages: length }, this.#workers.length)
    control[FIRST_STAGE] = first
    control[END_STAGE] = end
    control[ACTIVE_THREADS] = this.#threads
    const interrupt = (): void => abort(control)
    signal?.addEventListener('abort', interrupt, { once: true })
    for (const worker of this.#workers) worker.keepAlive(true)
    try {
      const before = Atomics.load(control, DONE)
      for (let thread = 0; thread < this.#threads; thread++) {
        const generation = generationOf(thread, length)
        Atomics.add(control, generation, 1)
        Atomics.notify(control, generation)
      }
      const ended = waitAsync(control, DONE, before)
      await Promise.race([ended, this.#lost])
      if (Atomics.load(control, ABORT) === 0) return
      if (!signal?.aborted) await this.#workersError()
      throw new InterruptedError('the run was interrupted', { cause: signal?.reason })
    } finally {
      for (const worker of this.#workers) worker.keepAlive(false)
      signal?.removeEventListener('abort', interrupt)
    }
  }

  /** Can't be interrupted. */
  async #runHere(first: number, end: number): Promise<void> {
    const { codes, stages, threadScratch } = this.#program
    const segmentTimes = this.#segmentTimes[0]!
    this.#ownRunner ??= { kernels: await loadCodes(codes), threadScratch, segmentTimes }
    // A loop that only awaits such runs would let no timer, signal or message through.
    if (performance.now() - this.#lastTurnMs > MOST_BETWEEN_TURNS_MS) {
      await new Promise((resolve) => (isNode ? setImmediate(resolve) : setTimeout(resolve, 0)))
      this.#lastTurnMs = performance.now()
    }
    if (this.#isDisposed) throw new ConvmarkError('the session was disposed of while it ran')
    segmentTimes.fill(0)
    this.#times[first] = performance.now()
    for (let stage = first; stage < end; stage++) {
      let task = 0
      runTasks(
        stages[stage]!,
        this.#ownRunner,
        () => task++,
        () => false,
      )
      this.#times[stage + 1] = performance.now()
    }
  }

  useThreads(count: number): void {
    this.#threads = count
  }

  stageTimesMs(first: number, end: number): number[] {
    const stages = this.#program.stages.slice(first, end)
    const timesMs = stages.map((_, i) => this.#times[first + i + 1]! - this.#times[first + i]!)
    // Threads that took no part have the times of an earlier run.
    return stageTimesOf(stages, timesMs, this.#segmentTimes.slice(0, Math.max(1, this.#threads)))
  }

  async dispose(): Promise<void> {
    this.#isDisposed = true
    await endAll(this.#workers)
  }

  /** A worker has set the abort word and sends the reason in a message. */
  async #workersError(): Promise<never> {
    const error = await Promise.race([
      this.#lost,
      ...this.#workers.map((worker) =>
        worker.next().then((reply) => {
          const message = reply.kind === 'failed' ? reply.message : `it said '${reply.kind}' while it ran`
          return new ConvmarkError(`a compute worker failed: ${message}`)
        }),
      ),
    ])
    this.#failure = error
    throw error
  }
}

/** Resolves once the word is no longer `value`. */
async function waitAsync(words: Int32Array<SharedArrayBuffer>, index: number, value: number): Promise<void> {
  while (Atomics.load(words, index) === value) {
    const waiting = Atomics.waitAsync(words, index, value)
    if (waiting.async) await waiting.value
  }
}

function withResolvers<T>(): { promise: Promise<T>; reject: (error: Error) => void } {
  let reject!: (error: Error) => void
  const promise = new Promise<T>((_, rejectPromise) => {
    reject = rejectPromise
  })
  return { promise, reject }
}
