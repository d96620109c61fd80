import {
  abortSignal,
  numberFromZero,
  objectWith,
  oneOf,
  optional,
  positiveInteger,
  type Rules,
  someFunction,
  trueOrFalse,
} from '../check-options.ts'
import { ALGORITHMS, type Algorithm } from '../kernels/kernel.ts'
import type { Plan } from '../plan/plan.ts'
import type { Step } from '../plan/steps.ts'
import { type Tuning, tuningRules } from '../runtime/tuning.ts'
import type { Shape } from '../tensor.ts'
import type { FewerThreads } from './few-threads.ts'
import type { PeakOptions, Peaks } from './peak.ts'

/** Describes an engine, for results and for people. */
export interface EngineInfo {
  /** `x64`, `wasm` or `reference`; an adapter's engine has its own name. */
  readonly name: string
  /**
   * What its code is made for: `avx512` or `avx2` of x64, `simd128` or `revectorized` of wasm, `float64` of the
   * reference.
   */
  readonly target: string
  /** How many threads compute. */
  readonly threads: number
  /** Why this engine and target were chosen, and what was missing for a faster one. */
  readonly reason: string
  /** Flags of V8 that were set for the engine; empty unless the caller asked for it. */
  readonly v8Flags: readonly string[]
}

/** How an engine is opened. */
export interface EngineOptions {
  /** By default as many as there are physical cores that this process may use. */
  readonly threads?: number
  /** Lets the engine set V8's flags for the whole process, for example relaxed SIMD on Node 20. */
  readonly experimentalV8Flags?: boolean
  /** As in PrepareOptions; x64 stores there which of its targets is faster. */
  readonly tuningCache?: boolean
  /** As in PrepareOptions; x64 measures again which of its targets is faster. */
  readonly retune?: boolean
  /** If aborted before the engine is open or while x64 measures its targets, its reason is thrown. */
  readonly signal?: AbortSignal
}

export const engineRules: Rules<EngineOptions> = {
  threads: optional(positiveInteger),
  experimentalV8Flags: optional(trueOrFalse),
  tuningCache: optional(trueOrFalse),
  retune: optional(trueOrFalse),
  signal: optional(abortSignal),
}

/** How a plan is prepared: which tiles its steps use, and how long it may take to measure them. */
export interface PrepareOptions {
  /** Tiles chosen before; missing ones are measured. */
  readonly tuning?: Tuning
  /**
   * Store measured choices in the user's cache folder and use those that are there; true by default. False reads and
   * writes nothing.
   */
  readonly tuningCache?: boolean
  /** Ignore the cache, measure all that `tuning` does not name, and replace what is in the cache. */
  readonly retune?: boolean
  /**
   * No further step's tiles are measured once this time is spent; steps that probably take longest come first. The rest
   * use their first tile, see `PreparedPlan.unmeasuredSteps`, and what was not measured to its end is not stored in the
   * cache. 0 measures none; by default all are measured. What x64 measures to choose its target does not count.
   */
  readonly tuningBudgetMs?: number
  /** Restricts steps that can be done in several ways to this algorithm; `auto` takes the fastest. */
  readonly algorithm?: Algorithm
  /** Called while tiles are measured: how many of the steps that are to be measured are done. */
  readonly onProgress?: (progress: { readonly done: number; readonly total: number }) => void
  /** If aborted while the plan is prepared, its reason is thrown. */
  readonly signal?: AbortSignal
  /**
   * What the caller keeps in memory beside a session of this plan. If memory is limited, it decides which batches are
   * refused. By default one copy of all that is written to the session.
   */
  readonly memoryBeside?: (plan: Plan) => MemoryBeside
  /** Skips the check of free memory, because the caller has called `requireRoom` or has counted this plan beside another. */
  readonly isRoomSure?: boolean
}

/** What is in memory at the same time as a session. */
export interface MemoryBeside {
  /** Beside the plans below. */
  readonly bytes: number
  /** Plans of other sessions on the same engine. */
  readonly plans?: readonly Plan[]
}

export const prepareRules: Rules<PrepareOptions> = {
  tuning: optional(objectWith(tuningRules)),
  tuningCache: optional(trueOrFalse),
  retune: optional(trueOrFalse),
  tuningBudgetMs: optional(numberFromZero),
  algorithm: optional(oneOf(ALGORITHMS)),
  onProgress: optional(someFunction),
  signal: optional(abortSignal),
  memoryBeside: optional(someFunction),
  isRoomSure: optional(trueOrFalse),
}

/** An engine prepares a whole plan, not single operations, so a peer's adapter can build its own graph from it. */
export interface Engine {
  /** Which engine it is, and why it was chosen. */
  readonly info: EngineInfo
  /** The vector to which the plan should round channels up, in values. */
  readonly lanes: number
  /** Whether one of its steps may do several layers: see `PlanOptions`. */
  readonly fuses: boolean
  /** Allocates the plan's memory and makes its code. Throws UsageError if the plan does not fit into memory. */
  prepare(plan: Plan, options?: PrepareOptions): Promise<PreparedPlan>
  /** Throws UsageError if the plan does not fit into memory, as `prepare` does. Allocates nothing. */
  requireRoom?(plan: Plan, options?: PrepareOptions): Promise<void>
  /** The peak speed of this engine's target with its threads on this machine. Throws InterruptedError at an abort. */
  measurePeaks?(options?: PeakOptions): Promise<Peaks>
  /** Only `auto` has it: opens the engine to use if this one fails its check for the given reason. The caller disposes both. */
  fallback?: ((why: string) => Promise<Engine>) | undefined
  /** Frees what the engine itself holds. Prepared plans free their own memory: dispose them first. */
  dispose(): Promise<void>
}

/** How a step is done. */
export interface PreparedStep {
  /** The step of the plan. */
  readonly step: Step
  /** `direct`, `winograd`, `dot`, or `plain` if there is only one. */
  readonly algorithm: string
  /** The name of the candidate that was chosen; empty if the step has none. */
  readonly tile: string
  /** Why the step is not done by the algorithm that was asked for. */
  readonly note: string | null
}

/** Steps whose tiles were not measured, or only in part, because the budget for tuning was spent. */
export interface UnmeasuredSteps {
  /** How many steps were not measured. */
  readonly count: number
  /** All steps that had to be measured. */
  readonly of: number
  /** The `tuningBudgetMs` that was given. */
  readonly budgetMs: number
}

/** A tensor as it lies in memory: value (i, j, ...) is `data[offset + i * strides[0] + j * strides[1] + ...]`. */
export interface TensorView {
  /** The memory that the tensor is in, with other tensors. */
  readonly data: Float32Array | Float64Array
  /** Where the first value of the tensor is in `data`. */
  readonly offset: number
  /** With the batch: (N, H, W, C). */
  readonly shape: Shape
  /** From one value to the next along each axis, in values. */
  readonly strides: readonly number[]
}

/** What may differ from run to run. */
export interface RunOptions {
  /** If aborted, the run ends within a step and rejects with InterruptedError. */
  readonly signal?: AbortSignal
  /**
   * In the pass `train`: `gradients` leaves the update out (gradients of several such runs add up, and running
   * statistics follow each of them); `update` runs only the update. `all` by default.
   */
  readonly part?: 'all' | 'gradients' | 'update'
}

export const runRules: Rules<RunOptions> = {
  signal: optional(abortSignal),
  part: optional(oneOf(['all', 'gradients', 'update'])),
}

/** A plan that can be run many times. The session checks names. A run has ended when every result can be read. */
export interface PreparedPlan {
  readonly plan: Plan
  /** The memory of all of the plan's buffers together. */
  readonly slabByteLength: number
  /** How each step of the plan is done. */
  readonly steps: readonly PreparedStep[]
  /** What was chosen. Passed to `prepare` again, it gives bit-identical results on the same machine. */
  readonly tuning: Tuning | null
  /**
   * Writes a tensor of a role that can be written, dense float32 in the order of its shape. It stays until it is
   * written again.
   */
  write(tensor: string, values: Float32Array): void
  /** Runs the plan's pass once. Resolves when every result can be read. */
  run(options?: RunOptions): Promise<void>
  /** A tensor in the engine's own memory, valid until the next run. */
  view(tensor: string): TensorView
  /** How long each step of the last run took, measured inside the run; null if that can't be measured. */
  stepTimesMs(): readonly number[] | null
  /** How long the last run took to prepare the parameters before its first step; 0 if they had not changed. */
  weightsTimeMs(): number
  /**
   * Looks at the runs so far. Steps that took far more or far less time than when their tiles were chosen are removed
   * from the cache, so that they are measured again at the next start. True if there was any. `dispose` calls it too.
   */
  forgetDoubtfulTiles?(): Promise<boolean>
  /** Which steps were not measured because the budget for tuning did not suffice; null if there are none. */
  readonly unmeasuredSteps?: UnmeasuredSteps | null
  /** If the plan is so small that, by its runs so far, it runs on fewer threads than the engine has, or on the calling one. */
  readonly fewerThreads?: FewerThreads | null
  /** True if runs are so short that fewer threads are tried, until that was decided for the first time. */
  readonly isChoosingThreads?: boolean
  /** For the check: runs steps one by one and shows the engine's memory. Null if the engine can't. */
  readonly inspection: Inspection | null
  /** Frees the memory and the code, and ends the threads. A run must have ended. */
  dispose(): Promise<void>
}

/** The memory of a prepared plan and its single steps, for the check of an engine. */
export interface Inspection {
  /** Runs one step alone; step -1 is the preparation of parameters that comes before all others. */
  runStep(index: number): Promise<void>
  /** All of the memory. Null if it belongs to a single worker. */
  readonly memory: ArrayBufferLike | null
  /** Where each buffer of the plan begins in the memory, in values of 4 bytes, by its id. */
  readonly bufferOffsets: ReadonlyMap<number, number>
  /**
   * If the memory belongs to a worker: copies of these of the plan's buffers, by their ids. If it is shared, an empty
   * map.
   */
  fetch(buffers: readonly number[]): Promise<ReadonlyMap<number, Float32Array>>
  /** If the memory belongs to a worker: writes back what `fetch` gave. If it is shared, it does nothing. */
  store(values: ReadonlyMap<number, Float32Array>): void
}
