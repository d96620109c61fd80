import { ConvmarkError } from '../errors.ts'
import type { Code } from './code.ts'
import type { LoadedStage } from './tasks.ts'

export interface LoadedProgram {
  /** Null where it is the one worker's own. */
  readonly memory: ArrayBufferLike | null
  readonly codes: readonly Code[]
  readonly stages: readonly LoadedStage[]
  /** The first byte of each thread's scratch is `threadScratch + thread * threadScratchByteLength`. */
  readonly threadScratch: number
  readonly threadScratchByteLength: number
}

/** Runs the stages of a program that workers have loaded. The calling thread neither computes nor blocks. */
export interface Executor {
  /** Runs stages [first, end). Throws InterruptedError when the signal aborts, within a task's time. */
  run(first: number, end: number, signal?: AbortSignal): Promise<void>
  /** How long each of the stages [first, end) took in the last run, on the wall clock of the first thread. */
  stageTimesMs(first: number, end: number): number[]
  dispose(): Promise<void>
}

/** What is thrown where `failure` broke an executor before. */
export const unusable = (failure: Error): ConvmarkError =>
  new ConvmarkError(`this session can't be used any more: ${failure.message}`, { cause: failure })
