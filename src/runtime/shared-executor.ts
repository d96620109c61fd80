import { ConvmarkError, InterruptedError } from '../errors.ts'
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
import { type Executor, type LoadedProgram, unusable } from './executor.ts'
import { type SegmentTimes, slotsOf, stageTimesOf } from './tasks.ts'
import { endAll } from './worker-pool.ts'

/**
 * Runs stages on all workers in lockstep, over shared memory. The caller is notified when a run has ended. A worker
 * that fails or dies ends the run with its error; after that nothing can be run.
 */
export class SharedExecutor implements Executor {
  readonly #workers: readonly ComputeWorker[]
  readonly #control: Int32Array<SharedArrayBuffer>
  readonly #times: Float64Array<SharedArrayBuffer>
  readonly #stages: LoadedProgram['stages']
  /** Of each thread. */
  readonly #segmentTimes: readonly SegmentTimes[]
  readonly #lost: Promise<never>
  #failure: Error | null = null
  #threads: number

  private constructor(workers: readonly ComputeWorker[], stages: LoadedProgram['stages']) {
    this.#workers = workers
    this.#control = new Int32Array(new SharedArrayBuffer(controlByteLength(stages.length, workers.length)))
    this.#times = new Float64Array(new SharedArrayBuffer(8 * (stages.length + 1)))
    this.#stages = stages
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
    const executor = new SharedExecutor(workers, program.stages)
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
    const control = this.#control
    resetTasks(control, { first, end, stages: this.#stages.length }, this.#workers.length)
    control[FIRST_STAGE] = first
    control[END_STAGE] = end
    control[ACTIVE_THREADS] = this.#threads
    const interrupt = (): void => abort(control)
    signal?.addEventListener('abort', interrupt, { once: true })
    for (const worker of this.#workers) worker.keepAlive(true)
    try {
      const before = Atomics.load(control, DONE)
      for (let thread = 0; thread < this.#threads; thread++) {
        const generation = generationOf(thread, this.#stages.length)
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

  useThreads(count: number): void {
    this.#threads = count
  }

  stageTimesMs(first: number, end: number): number[] {
    const stages = this.#stages.slice(first, end)
    const timesMs = stages.map((_, i) => this.#times[first + i + 1]! - this.#times[first + i]!)
    // Threads that took no part have the times of an earlier run.
    return stageTimesOf(stages, timesMs, this.#segmentTimes.slice(0, this.#threads))
  }

  async dispose(): Promise<void> {
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
