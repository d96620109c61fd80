// The messages between a comparison and an engine's process. A peer's runner (peers/runner.mjs) uses them too.
import type { EngineInfo } from '../../engines/engine.ts'
import type { Peaks } from '../../engines/peak.ts'
import type { Algorithm } from '../../kernels/kernel.ts'
import type { NetworkData } from '../../networks/network-data.ts'
import type { Pass } from '../../plan/plan.ts'
import type { Tuning } from '../../runtime/tuning.ts'
import type { CheckResult } from '../check.ts'
import type { SeenPlan } from '../run.ts'

/** An input or output of an ONNX file, and what it is in the network. */
export interface OnnxValue {
  /** The file's name. */
  readonly name: string
  /** The network's. */
  readonly tensor: string
  /** How the file orders an image's values; null if every order is the same. */
  readonly layout: 'NCHW' | 'NHWC' | null
  /** Of the file: extents, and as an object what has the batch in it. */
  readonly sizes: readonly (number | object)[]
  /** The type of an input's values, such as `float32`; null for an output. */
  readonly type: string | null
}

/**
 * The ONNX file from which the network was imported. Peers that read such files get the file itself, and all others the
 * network.
 */
export interface OnnxSource {
  readonly file: string
  readonly inputs: readonly OnnxValue[]
  readonly outputs: readonly OnnxValue[]
  /** Its nodes in training mode: how many of each operator. With any, it computes something else than the network. */
  readonly inTrainingMode: Readonly<Record<string, number>>
  /** What its import remarks, which is said of peers that get the file. */
  readonly remarks: readonly string[]
}

/** The first message to a process. As an argument a large network would be too long. */
export interface ContenderSetup {
  /** The spec of an engine or a peer. */
  readonly engine: string
  /** The whole network: a name alone would not identify one that the caller changed or made. */
  readonly network: NetworkData
  /**
   * The file of the network's parameters (weights-file.ts), which each process reads for itself; null: the benchmark's
   * own, which each process makes from the seed.
   */
  readonly weightsFile: string | null
  /** Null: the network comes from no ONNX file. */
  readonly onnx: OnnxSource | null
  readonly pass: Pass
  readonly batch: number
  readonly burnIn: number
  readonly seed: number
  readonly threads: number
  readonly algorithm: Algorithm
  /** Measure tiles again and ignore the cached ones. */
  readonly retune: boolean
  /** As in PrepareOptions, for convmark's own engines; null: all tiles are measured. */
  readonly tuningBudgetMs: number | null
  readonly isChecked: boolean
  /** The URL of the folder from which a peer's packages are imported; null for one that has none. */
  readonly packagesFrom: string | null
}

export interface ContenderReady {
  readonly kind: 'ready'
  readonly engine: EngineInfo
  readonly check: CheckResult | null
  /** About the values that it computes; peers give none. */
  readonly warnings?: readonly string[]
  readonly plan: SeenPlan
  readonly tuning: Tuning | null
}

export interface ContenderSamples {
  readonly kind: 'samples'
  readonly samplesMs: readonly number[]
  /** When each sample began, in milliseconds since 1970 with the clock's fraction. */
  readonly startedAtMs: readonly number[]
  /** For each sample, its steps' times; null if they can't be measured. */
  readonly stepsMs: readonly (readonly number[])[] | null
  /** Of the whole process, for all samples together. */
  readonly processorMs: number
  readonly elapsedMs: number
  /** The process's largest resident size so far. */
  readonly peakMemoryBytes: number
  /** What is known of the run by now, in addition to what was known before. */
  readonly warnings?: readonly string[]
}

export interface ContenderPeaks {
  readonly kind: 'peaks'
  /** Null if the engine does not know them. */
  readonly peaks: Peaks | null
}

export type ContenderReply =
  | ContenderReady
  | ContenderSamples
  | ContenderPeaks
  /** Something that this machine, or this engine, can't do. */
  | { readonly kind: 'unsupported'; readonly reason: string }
  /** Something that can't be meant, such as a batch that does not fit into memory. */
  | { readonly kind: 'misused'; readonly reason: string }
  | { readonly kind: 'failed'; readonly reason: string }

export type ContenderRequest =
  | { readonly kind: 'setup'; readonly setup: ContenderSetup }
  /** Asks for this many samples, after a run that is not counted because other engines have used caches and pages before it. */
  | { readonly kind: 'turn'; readonly samples: number }
  | { readonly kind: 'peaks' }
