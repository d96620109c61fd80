import { ConvmarkError } from '../errors.ts'
import type { Code } from './code.ts'
import type { LoadedSegment, LoadedStage } from './tasks.ts'

export interface LoadedProgram {
  /** Null if it belongs to the only worker. */
  readonly memory: ArrayBufferLike | null
  readonly codes: readonly Code[]
  readonly stages: readonly (LoadedStage | LoadedSegment)[]
  /** The first byte of each thread's scratch is `threadScratch + thread * threadScratchByteLength`. */
  readonly threadScratch: number
  readonly threadScratchByteLength: number
}

/** The number of threads that stands for the calling thread alone, which then computes itself. */
export const CALLING_THREAD = 0

/**
 * Runs the stages of a program that the workers have loaded. The calling thread neither computes nor blocks, unless it
 * is told to.
 */
export interface Executor {
  /** Runs stages [first, end). If the signal aborts, throws InterruptedError within the time of one task; of a segment, one image. */
  run(first: number, end: number, signal?: AbortSignal): Promise<void>
  /** How long each of the stages [first, end) took in the last run, by the first thread's clock; those of a segment each. */
  stageTimesMs(first: number, end: number): number[]
  /** How many of the workers take part in later runs, or `CALLING_THREAD`. Only an executor over shared memory has it. */
  useThreads?(count: number): void
  dispose(): Promise<void>
}

/** The error for an executor that an earlier `failure` has broken. */
export const unusable = (failure: Error): ConvmarkError =>
  new ConvmarkError(`this session can't be used any more: ${failure.message}`, { cause: failure })
