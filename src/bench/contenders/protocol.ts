// What a comparison and an engine's own process say to each other. A peer's runner (peers/runner.mjs) speaks it too.
import type { EngineInfo } from '../../engines/engine.ts'
import type { Peaks } from '../../engines/peak.ts'
import type { Algorithm } from '../../kernels/kernel.ts'
import type { NetworkData } from '../../networks/network-data.ts'
import type { Pass } from '../../plan/plan.ts'
import type { Tuning } from '../../runtime/tuning.ts'
import type { CheckResult } from '../check.ts'
import type { SeenPlan } from '../run.ts'

/** The process's one argument, as JSON. */
export interface ContenderSetup {
  /** An engine spec, a peer's too. */
  readonly engine: string
  /** All of it: a name would be another network where the caller changed it, or made one. */
  readonly network: NetworkData
  readonly pass: Pass
  readonly batch: number
  readonly burnIn: number
  readonly seed: number
  readonly threads: number
  readonly algorithm: Algorithm
  /** Measure tiles anew, whatever the cache has. */
  readonly retune: boolean
  readonly isChecked: boolean
  /** The URL of the folder from which a peer's packages are imported; null for one that has none. */
  readonly packagesFrom: string | null
}

export interface ContenderReady {
  readonly kind: 'ready'
  readonly engine: EngineInfo
  readonly check: CheckResult | null
  /** Of the values that it makes; peers give none. */
  readonly warnings?: readonly string[]
  readonly plan: SeenPlan
  readonly tuning: Tuning | null
}

export interface ContenderSamples {
  readonly kind: 'samples'
  readonly samplesMs: readonly number[]
  /** When each began, in milliseconds since 1970 with the clock's fraction. */
  readonly startedAtMs: readonly number[]
  /** For each sample, its steps' times; null where they can't be seen. */
  readonly stepsMs: readonly (readonly number[])[] | null
  /** Of the whole process, over all samples together. */
  readonly processorMs: number
  readonly elapsedMs: number
  /** The process's largest resident size so far. */
  readonly peakMemoryBytes: number
}

export interface ContenderPeaks {
  readonly kind: 'peaks'
  /** Null for an engine that does not know them. */
  readonly peaks: Peaks | null
}

export type ContenderReply =
  | ContenderReady
  | ContenderSamples
  | ContenderPeaks
  /** What this machine, or this engine, can't do. */
  | { readonly kind: 'unsupported'; readonly reason: string }
  /** What can't be meant: a batch that does not fit into memory. */
  | { readonly kind: 'misused'; readonly reason: string }
  | { readonly kind: 'failed'; readonly reason: string }

export type ContenderRequest =
  /** So many samples, after one that is not counted: caches and pages were the others' before it. */
  { readonly kind: 'turn'; readonly samples: number } | { readonly kind: 'peaks' }
