import { InterruptedError } from '../errors.ts'
import { type ComputeWorker, replyOf } from './compute-workers.ts'
import { type Executor, type LoadedProgram, unusable } from './executor.ts'
import type { MemoryRange } from './own-memory-runner.ts'
import { type SegmentTimes, slotsOf, stageTimesOf } from './tasks.ts'

/**
 * Runs stages on one worker with its own memory, if threads can't share any. The caller writes and reads values by
 * messages, which the worker answers in order.
 */
export class OwnMemoryExecutor implements Executor {
  readonly #worker: ComputeWorker
  /** When the last run's first stage began, then when each stage ended. */
  #timesMs: readonly number[] = []
  #firstTimed = 0
  readonly #stages: LoadedProgram['stages']
  #segmentTimes: SegmentTimes
  #failure: Error | null = null

  private constructor(worker: ComputeWorker, stages: LoadedProgram['stages']) {
    this.#worker = worker
    this.#stages = stages
    this.#segmentTimes = new Float64Array(slotsOf(stages))
    worker.onLoss((error) => {
      this.#failure ??= error
    })
  }

  static async load(worker: ComputeWorker, program: LoadedProgram): Promise<OwnMemoryExecutor> {
    const { codes, stages, threadScratch } = program
    worker.post({ kind: 'load-alone', codes, stages, threadScratch })
    await replyOf(worker, 'loaded')
    return new OwnMemoryExecutor(worker, stages)
  }

  async run(first: number, end: number, signal?: AbortSignal): Promise<void> {
    if (this.#failure) throw unusable(this.#failure)
    if (signal?.aborted) throw new InterruptedError('the run was interrupted', { cause: signal.reason })
    const interrupt = (): void => this.#worker.post({ kind: 'abort' })
    signal?.addEventListener('abort', interrupt, { once: true })
    try {
      this.#worker.post({ kind: 'run', first, end })
      const { timesMs, segmentTimes, isAborted } = await replyOf(this.#worker, 'ran')
      this.#firstTimed = first
      this.#timesMs = timesMs
      this.#segmentTimes = segmentTimes
      if (isAborted) throw new InterruptedError('the run was interrupted', { cause: signal?.reason })
    } finally {
      signal?.removeEventListener('abort', interrupt)
    }
  }

  stageTimesMs(first: number, end: number): number[] {
    const timeOf = (stage: number): number => this.#timesMs[stage - this.#firstTimed] ?? 0
    const stages = this.#stages.slice(first, end)
    const timesMs = stages.map((_, i) => timeOf(first + i + 1) - timeOf(first + i))
    return stageTimesOf(stages, timesMs, [this.#segmentTimes])
  }

  /** Copies the values into the worker's memory, before any later request. */
  write(address: number, values: Float32Array): void {
    this.#worker.post({ kind: 'write', address, values })
  }

  /** Copies of values in the worker's memory. */
  async read(places: readonly MemoryRange[]): Promise<readonly Float32Array[]> {
    if (this.#failure) throw unusable(this.#failure)
    if (places.length === 0) return []
    this.#worker.post({ kind: 'read', places })
    return (await replyOf(this.#worker, 'values')).values
  }

  async dispose(): Promise<void> {
    await this.#worker.end()
  }
}
