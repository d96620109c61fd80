import {
  abortSignal,
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
import type { PeakOptions, Peaks } from './peak.ts'

/** What an engine is, for results and for people. */
export interface EngineInfo {
  readonly name: string
  readonly target: string
  readonly threads: number
  /** Why this engine and target, and what was missing for a faster one. */
  readonly reason: string
  /** Flags of V8 that were set for it; empty in a library that was not asked to. */
  readonly v8Flags: readonly string[]
}

export interface EngineOptions {
  /** Physical cores that this process may use, by default. */
  readonly threads?: number
  /** Lets the engine set V8's flags, for the whole process: relaxed SIMD on Node 20, for example. */
  readonly experimentalV8Flags?: boolean
  /** As in PrepareOptions: x64 keeps there which of its targets is the faster. */
  readonly tuningCache?: boolean
  /** As in PrepareOptions: x64 measures anew which of its targets is the faster. */
  readonly retune?: boolean
  /** Throws its reason when aborted: before the engine is opened, and while x64 measures its targets. */
  readonly signal?: AbortSignal
}

export const engineRules: Rules<EngineOptions> = {
  threads: optional(positiveInteger),
  experimentalV8Flags: optional(trueOrFalse),
  tuningCache: optional(trueOrFalse),
  retune: optional(trueOrFalse),
  signal: optional(abortSignal),
}

export interface PrepareOptions {
  /** Tiles chosen before; what it lacks is measured. */
  readonly tuning?: Tuning
  /** Keep what was measured in the user's cache folder and take it from there; true by default. False reads and writes nothing. */
  readonly tuningCache?: boolean
  /** Ignore what is in the cache, measure all that `tuning` does not name, and keep that in its place. */
  readonly retune?: boolean
  /** Restricts steps that can be done in several ways to this one; `auto` takes the fastest. */
  readonly algorithm?: Algorithm
  readonly onProgress?: (progress: { readonly done: number; readonly total: number }) => void
  readonly signal?: AbortSignal
  /**
   * What the caller takes beside a session of such a plan: it decides, where memory is limited, which batch is refused. By
   * default one copy of all that is written to the session.
   */
  readonly memoryBeside?: (plan: Plan) => MemoryBeside
  /** No batch is refused for what memory is left: the caller asked `requireRoom` before, or named the plan beside another. */
  readonly isRoomSure?: boolean
}

/** What is in memory at the same time as a session. */
export interface MemoryBeside {
  readonly bytes: number
  /** Of other sessions on the same engine. */
  readonly plans?: readonly Plan[]
}

export const prepareRules: Rules<PrepareOptions> = {
  tuning: optional(objectWith(tuningRules)),
  tuningCache: optional(trueOrFalse),
  retune: optional(trueOrFalse),
  algorithm: optional(oneOf(ALGORITHMS)),
  onProgress: optional(someFunction),
  signal: optional(abortSignal),
  memoryBeside: optional(someFunction),
  isRoomSure: optional(trueOrFalse),
}

/** An engine prepares a whole plan, not single operations: a peer's adapter can build its own graph of it. */
export interface Engine {
  readonly info: EngineInfo
  /** The vector that the plan should round channels up to, in values. */
  readonly lanes: number
  prepare(plan: Plan, options?: PrepareOptions): Promise<PreparedPlan>
  /** Throws UsageError where `prepare` would, since the plan does not fit into memory; takes none. */
  requireRoom?(plan: Plan, options?: PrepareOptions): Promise<void>
  /** The most that this engine's target can do with its threads on this machine. Throws InterruptedError at an abort. */
  measurePeaks?(options?: PeakOptions): Promise<Peaks>
  /** Of `auto`: what to take where this one fails its check, for the reason given. The caller disposes both. */
  fallback?: ((why: string) => Promise<Engine>) | undefined
  dispose(): Promise<void>
}

/** How a step is done. */
export interface PreparedStep {
  readonly step: Step
  readonly algorithm: string
  readonly tile: string
  /** Why it has not the algorithm that was asked for. */
  readonly note: string | null
}

/** A tensor as it lies in memory: value (i, j, ...) is `data[offset + i * strides[0] + j * strides[1] + ...]`. */
export interface TensorView {
  readonly data: Float32Array | Float64Array
  readonly offset: number
  readonly shape: Shape
  readonly strides: readonly number[]
}

export interface RunOptions {
  readonly signal?: AbortSignal
  /**
   * In the pass `train`: `gradients` leaves out what changes parameters by them (over several runs they add up; running statistics
   * follow each), `update` is that alone. All by default.
   */
  readonly part?: 'all' | 'gradients' | 'update'
}

export const runRules: Rules<RunOptions> = {
  signal: optional(abortSignal),
  part: optional(oneOf(['all', 'gradients', 'update'])),
}

/** A plan that can be run many times. Names are checked by the session; a run is over when every result can be read. */
export interface PreparedPlan {
  readonly plan: Plan
  readonly slabByteLength: number
  readonly steps: readonly PreparedStep[]
  /** What was chosen; given back to `prepare`, everything is bit-identical on the same machine. */
  readonly tuning: Tuning | null
  write(tensor: string, values: Float32Array): void
  run(options?: RunOptions): Promise<void>
  /** Live until the next run. */
  view(tensor: string): TensorView
  /** How long each step took in the last run, inside it; null where it can't be seen. */
  stepTimesMs(): readonly number[] | null
  /** What was made of the parameters before the first step of the last run; 0 where they had not changed. */
  weightsTimeMs(): number
  /**
   * Looks at the runs so far: steps that took far more than when their tiles were chosen, or far less, are taken out of the
   * cache, so that they are measured again at the next start. True if there is one. `dispose` does it unasked.
   */
  forgetDoubtfulTiles?(): Promise<boolean>
  /** For the check: an engine whose steps can be run one by one and whose memory can be looked at. */
  readonly inspection: Inspection | null
  dispose(): Promise<void>
}

export interface Inspection {
  /** Runs one step alone; step -1 is what runs before all others when parameters were written. */
  runStep(index: number): Promise<void>
  /** All of the memory, and where the plan's buffers begin in it, in values. Null where it is one worker's own. */
  readonly memory: ArrayBufferLike | null
  readonly bufferOffsets: ReadonlyMap<number, number>
  /** Of a worker's own memory: copies of the plan's buffers, out of it and into it. Nothing where all see it. */
  fetch(buffers: readonly number[]): Promise<ReadonlyMap<number, Float32Array>>
  store(values: ReadonlyMap<number, Float32Array>): void
}
