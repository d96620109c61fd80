// The schema of a result: its check and its types. Unknown fields are kept, so that fields can be added without a new
// version.
import * as z from 'zod/mini'
import { FormatError } from '../errors.ts'
import { ALGORITHMS } from '../kernels/kernel.ts'
import { PASSES } from '../plan/plan.ts'
import { parseJson, requireShape, requireVersion } from './parse-json.ts'
import { amount, intervalOf, limit, milliseconds as ms, ratio } from './quantities.ts'

/** The version of the schema of results; another one is refused. */
export const SCHEMA_VERSION = 1

const summarySchema = z.looseObject({
  meanMs: ms,
  /** Of the population: over n. */
  sdMs: ms,
  medianMs: ms,
  minMs: ms,
  maxMs: ms,
  p95Ms: ms,
  /** Of the sample: over n - 1. */
  sampleSdMs: z.optional(ms),
  /** Median of the absolute distances from the median. */
  madMs: z.optional(ms),
  /** 95%, by bootstrap over blocks of samples. */
  meanIntervalMs: z.optional(intervalOf(ms)),
  medianIntervalMs: z.optional(intervalOf(ms)),
})

const layerSchema = z.looseObject({
  name: z.string(),
  kind: z.string(),
  /** With the batch: (N, H, W, C); [] for a loss. */
  shape: z.array(z.int().check(z.positive())),
  algorithm: z.string(),
  /** In forward-backward the tiles of all the layer's steps that have one. */
  tile: z.string(),
  /** Steps that are not done by the requested algorithm, and why. */
  notes: z.optional(z.array(z.string())),
  /** Medians over all samples; null if the engine's steps can't be measured. */
  forwardMs: z.nullable(ms),
  backwardMs: z.nullable(ms),
  /** The update of its parameters, in a training step. */
  updateMs: z.optional(ms),
  /** For the whole batch, forward; a multiply-add counts 2. */
  flops: amount,
  backwardFlops: amount,
  /** The least that its steps must read and write for the whole batch: inputs, parameters and outputs, each once. */
  bytes: z.optional(amount),
  backwardBytes: z.optional(amount),
})

const checkSchema = z.looseObject({
  against: z.string(),
  maxRelativeError: amount,
  tensor: z.string(),
  /** The error of outputs beside a value a million times as large as the others, over their own size. */
  outlier: z.optional(z.nullable(z.looseObject({ error: amount, tensor: z.string() }))),
  passed: z.boolean(),
})

const tuningSchema = z.looseObject({
  version: z.literal(1),
  processor: z.string(),
  engine: z.string(),
  choices: z.record(z.string(), z.string()),
})

/** The schema of what wrote a result. */
export const toolSchema = z.looseObject({ name: z.literal('convmark'), version: z.string() })

/** The schema of `EngineRecord`. */
export const engineSchema = z.looseObject({
  name: z.string(),
  target: z.string(),
  threads: z.int().check(z.positive()),
  reason: z.string(),
  v8Flags: z.array(z.string()),
})

const runSchema = z.looseObject({
  network: z.string(),
  /** The file that the network was read from; left out if convmark has it by that name. */
  networkFile: z.optional(z.string()),
  /** The images' height. */
  imageSize: z.int().check(z.positive()),
  /** Left out if it is the same. */
  imageWidth: z.optional(z.int().check(z.positive())),
  seed: z.int(),
  engine: engineSchema,
  pass: z.enum(PASSES),
  /** The requested algorithm; left out in results from before there was a choice. */
  algorithm: z.optional(z.enum(ALGORITHMS)),
  batch: z.int().check(z.positive()),
  burnIn: z.int().check(z.nonnegative()),
  batches: z.int().check(z.positive()),
  samplesMs: z.array(ms),
  /** When each sample began, relative to the first one's start. */
  startsMs: z.array(ms),
  /** How many samples each round took, if there are rounds; together they are all of `samplesMs`, in order. */
  rounds: z.optional(z.array(z.int().check(z.positive()))),
  /** Null if the run was interrupted before its first sample. */
  summary: z.nullable(summarySchema),
  /** Null: unchecked. */
  check: z.nullable(checkSchema),
  /** Of one batch. */
  flops: amount,
  gflopsPerSecond: amount,
  peakGflopsPerSecond: z.nullable(limit),
  peakFraction: z.nullable(amount),
  /** Of memory, measured in the same run. */
  bandwidthGigabytesPerSecond: z.optional(z.nullable(limit)),
  /** Processor time over elapsed time during the run: a peer may use fewer threads than it was given. */
  threadsUsed: z.optional(z.nullable(amount)),
  /** In plain words, each with advice. */
  warnings: z.optional(z.array(z.string())),
  imagesPerSecond: amount,
  /** The process's largest resident size so far. */
  peakMemoryBytes: amount,
  layers: z.array(layerSchema),
  /** In a training step: the time for packing and transforming the weights before the first layer, since they have changed. */
  weightsMs: z.optional(ms),
  tuning: z.nullable(tuningSchema),
  interrupted: z.boolean(),
})

/** The schema of `Environment`. */
export const environmentSchema = z.looseObject({
  date: z.string(),
  processor: z.string(),
  cores: z.int().check(z.positive()),
  /** Null if the system does not say. */
  memoryBytes: z.nullable(limit),
  platform: z.string(),
  arch: z.string(),
  /** The limit of a container or service that the process was in; null if there was none below the machine's memory. */
  memoryLimitBytes: z.optional(z.nullable(limit)),
  /** 'none' in a browser and in runtimes that only act as Node; for V8, if the engine is another. */
  node: z.string(),
  v8: z.string(),
  /** `Bun 1.4.5`, `Deno 2.9.6`: the runtime, if it was neither Node nor a browser. */
  runtime: z.optional(z.string()),
  /** `Chromium 140.0.1.2`; left out in Node. */
  browser: z.optional(z.string()),
  /**
   * Whether the page was isolated: if not, threads share no memory and the clock is coarse. Null if the browser does
   * not say.
   */
  isCrossOriginIsolated: z.optional(z.nullable(z.boolean())),
  /** Over the last minute; null if the system does not say. */
  loadAverage: z.nullable(amount),
  /** Of the folder in which the command ran; null without git. */
  gitCommit: z.nullable(z.string()),
  loadAverageAtEnd: z.optional(z.nullable(amount)),
  /** Processors that a container's quota allows; null without a quota. */
  quotaCores: z.optional(z.nullable(limit)),
  /** By level and kind: `L1d 32 KiB`; empty if the system does not say. */
  caches: z.optional(z.array(z.string())),
  /** Of the processor's frequency: `performance`, or 'unknown'. */
  governor: z.optional(z.string()),
  /** Node's own flags. */
  nodeFlags: z.optional(z.array(z.string())),
  packages: z.optional(z.record(z.string(), z.string())),
  /** Share of the time that went to other machines on the same processor, as far as the system says. */
  stealFraction: z.optional(z.nullable(z.number().check(z.gte(0), z.lte(1)))),
  /**
   * A fixed piece of work, repeated between samples or rounds: the slowest time over the fastest shows whether a
   * neighbour disturbed it.
   */
  calibrationSpread: z.optional(z.nullable(ratio.check(z.gte(1)))),
  /** In plain words, each with advice. */
  warnings: z.optional(z.array(z.string())),
})

/** What an engine can't do, or why it failed. */
const unsupportedSchema = z.looseObject({
  engine: z.string(),
  pass: z.enum(PASSES),
  reason: z.string(),
  /** How many rounds it had finished when it failed; they are among the runs. Left out if there were none. */
  afterRounds: z.optional(z.int().check(z.positive())),
})

/** One engine compared with another, over rounds. */
const comparisonSchema = z.looseObject({
  pass: z.enum(PASSES),
  /** Engine specs. */
  engine: z.string(),
  baseline: z.string(),
  /** How many times as fast as the baseline, by the medians of rounds; with its 95% interval. */
  ratio,
  interval: intervalOf(ratio),
  pValue: z.number().check(z.gte(0), z.lte(1)),
  /** A difference of this fraction would have been found. */
  detectable: amount,
  verdict: z.enum(['faster', 'slower', 'no difference found']),
  text: z.string(),
})

/** The schema of `Result`, of zod. Unknown fields are kept. */
export const resultSchema = z.looseObject({
  schemaVersion: z.literal(SCHEMA_VERSION),
  tool: toolSchema,
  environment: environmentSchema,
  runs: z.array(runSchema),
  unsupported: z.optional(z.array(unsupportedSchema)),
  comparisons: z.optional(z.array(comparisonSchema)),
  /** Ctrl-C, perhaps before there was any run that could say so. */
  interrupted: z.optional(z.boolean()),
})

/** What `convmark bench --json` and `benchmarkResult` give: the machine, and every run with all of its samples. */
export interface Result extends z.infer<typeof resultSchema> {
  environment: Environment
  /** One for each pass of each engine. */
  runs: Run[]
  unsupported?: Unsupported[] | undefined
  comparisons?: ComparisonResult[] | undefined
}

/** One pass of one network on one engine: settings, every sample, their summary, the check and the layers. */
export interface Run extends z.infer<typeof runSchema> {
  engine: EngineRecord
  /** Null if the run was interrupted before its first sample. */
  summary: Summary | null
  /** In the order of the network. */
  layers: LayerTime[]
}

/** What `summarize` makes of samples, in milliseconds. */
export interface Summary extends z.infer<typeof summarySchema> {}

/** How long a layer took, and its work. */
export interface LayerTime extends z.infer<typeof layerSchema> {}

/** The machine and the software that a result was measured on. */
export interface Environment extends z.infer<typeof environmentSchema> {}

/** One engine compared with another, over rounds. */
export interface ComparisonResult extends z.infer<typeof comparisonSchema> {}

/** What an engine can't do, or why it failed. */
export interface Unsupported extends z.infer<typeof unsupportedSchema> {}

/** The engine of a run: see `EngineInfo`. */
export interface EngineRecord extends z.infer<typeof engineSchema> {}

/**
 * Why an engine was not compared, in words: `not compared: it has no filter gradient`, or `not compared after 8 rounds:
 * its process ended with signal SIGKILL`.
 */
export function notCompared({ reason, afterRounds = 0 }: Unsupported): string {
  const after = afterRounds > 0 ? ` after ${afterRounds} ${afterRounds === 1 ? 'round' : 'rounds'}` : ''
  return `not compared${after}: ${reason}`
}

/** Reads a result. Throws FormatError, in one line, for invalid JSON, another version or another shape. */
export function parseResult(text: string | Uint8Array, fileName: string): Result {
  const json = parseJson(text, fileName)
  requireVersion(json, SCHEMA_VERSION, fileName, 'a result')
  const result = requireShape(json, resultSchema, fileName, 'a convmark result')
  requireSamples(result, fileName)
  return result
}

/** Checks that every sample has its time, that rounds account for all of them, and that none is missing without a reason. */
function requireSamples({ runs }: Result, fileName: string): void {
  runs.forEach(({ samplesMs, startsMs, rounds, summary, interrupted }, i) => {
    const refuse = (field: string, what: string): never => {
      throw new FormatError(`${fileName}: not a convmark result: runs.${i}.${field}: ${what}`)
    }
    const count = samplesMs.length
    if (count === 0 && summary !== null) refuse('samplesMs', 'it is empty, yet there is a summary of it')
    if (count === 0 && !interrupted) refuse('samplesMs', 'it is empty, yet the run was not interrupted')
    if (count > 0 && summary === null) refuse('summary', `it is null, yet there are ${count} samples`)
    if (startsMs.length !== count) refuse('startsMs', `${startsMs.length} starts of ${count} samples`)
    const inRounds = rounds?.reduce((sum, size) => sum + size, 0) ?? count
    if (inRounds !== count) refuse('rounds', `they hold ${inRounds} of ${count} samples`)
  })
}
