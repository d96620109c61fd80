import type { EngineInfo, PreparedStep } from '../engines/engine.ts'
import type { Network } from '../networks/network.ts'
import type { Pass } from '../plan/plan.ts'
import type { Run } from './result.ts'

/** What a benchmark reports while it runs, in this order for each pass. */
export type BenchEvent =
  /** At once, before anything is prepared: the shapes are known. */
  | { readonly kind: 'started'; readonly network: Network; readonly batch: number; readonly pass: Pass }
  | {
      readonly kind: 'progress'
      readonly pass: Pass
      readonly phase: 'tuning' | 'check' | 'burn-in' | 'batches'
      readonly done: number
      readonly total: number
    }
  | {
      readonly kind: 'prepared'
      readonly pass: Pass
      readonly engine: EngineInfo
      readonly steps: readonly PreparedStep[]
    }
  /** A sample after burn-in, counted from 0; `endedAt` is the wall clock's time at which its results could be read. */
  | {
      readonly kind: 'step'
      readonly pass: Pass
      readonly step: number
      readonly durationMs: number
      readonly endedAt: TimeStamp
    }
  /** The pass has ended or was interrupted (`run.interrupted`); contains what was measured. */
  | { readonly kind: 'finished'; readonly run: Run }

/** Milliseconds since 1970 with the clock's fraction, so that six digits of a second are meaningful. */
export type TimeStamp = number
