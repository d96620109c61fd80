// The one schema of a result: its check and its types. Unknown fields are kept, so that new ones stay version 1.
import * as z from 'zod/mini'
import { FormatError } from '../errors.ts'
import { ALGORITHMS } from '../kernels/kernel.ts'
import { PASSES } from '../plan/plan.ts'
import { parseJson, requireShape, requireVersion } from './parse-json.ts'
import { amount, intervalOf, limit, milliseconds as ms, ratio } from './quantities.ts'

export const SCHEMA_VERSION = 1

const summarySchema = z.looseObject({
  meanMs: ms,
  /** The population's. */
  sdMs: ms,
  medianMs: ms,
  minMs: ms,
  maxMs: ms,
  p95Ms: ms,
  /** The sample's: over n - 1. */
  sampleSdMs: z.optional(ms),
  /** Median of the absolute distances from the median. */
  madMs: z.optional(ms),
  /** 95% by bootstrap over blocks of samples. */
  meanIntervalMs: z.optional(intervalOf(ms)),
  medianIntervalMs: z.optional(intervalOf(ms)),
})

const layerSchema = z.looseObject({
  name: z.string(),
  kind: z.string(),
  /** With the batch: (N, H, W, C); a loss has none. */
  shape: z.array(z.int().check(z.positive())),
  algorithm: z.string(),
  /** In forward-backward those of all the layer's steps that have one. */
  tile: z.string(),
  /** Steps that lack the algorithm asked for, and why. */
  notes: z.optional(z.array(z.string())),
  /** Medians over all samples; null where the engine's steps can't be seen. */
  forwardMs: z.nullable(ms),
  backwardMs: z.nullable(ms),
  /** Of its parameters, in a training step. */
  updateMs: z.optional(ms),
  /** Of the whole batch, forward; 2 a multiply-add. */
  flops: amount,
  backwardFlops: amount,
  /** What its steps read and write at the least, of the whole batch: inputs, parameters, outputs, each once. */
  bytes: z.optional(amount),
  backwardBytes: z.optional(amount),
})

const checkSchema = z.looseObject({
  against: z.string(),
  maxRelativeError: amount,
  tensor: z.string(),
  /** Of outputs beside a value a million times as large as the others, over their own size. */
  outlier: z.optional(z.nullable(z.looseObject({ error: amount, tensor: z.string() }))),
  passed: z.boolean(),
})

const tuningSchema = z.looseObject({
  version: z.literal(1),
  processor: z.string(),
  engine: z.string(),
  choices: z.record(z.string(), z.string()),
})

export const toolSchema = z.looseObject({ name: z.literal('convmark'), version: z.string() })

export const engineSchema = z.looseObject({
  name: z.string(),
  target: z.string(),
  threads: z.int().check(z.positive()),
  reason: z.string(),
  v8Flags: z.array(z.string()),
})

const runSchema = z.looseObject({
  network: z.string(),
  imageSize: z.int().check(z.positive()),
  seed: z.int(),
  engine: engineSchema,
  pass: z.enum(PASSES),
  /** What was asked for; left out before there was a choice. */
  algorithm: z.optional(z.enum(ALGORITHMS)),
  batch: z.int().check(z.positive()),
  burnIn: z.int().check(z.nonnegative()),
  batches: z.int().check(z.positive()),
  samplesMs: z.array(ms),
  /** When each sample began, from the first one's start. */
  startsMs: z.array(ms),
  /** How many samples each round took, where engines took turns; together all of `samplesMs`, in their order. */
  rounds: z.optional(z.array(z.int().check(z.positive()))),
  /** Null where the run was interrupted before its first sample. */
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
  /** Processor time over elapsed time while it ran: a peer may use fewer threads than it was given. */
  threadsUsed: z.optional(z.nullable(amount)),
  /** In plain words, each with what to do. */
  warnings: z.optional(z.array(z.string())),
  imagesPerSecond: amount,
  /** The process's largest resident size so far. */
  peakMemoryBytes: amount,
  layers: z.array(layerSchema),
  /** Of a training step: what is packed and transformed of the weights before the first layer, since they changed. */
  weightsMs: z.optional(ms),
  tuning: z.nullable(tuningSchema),
  interrupted: z.boolean(),
})

export const environmentSchema = z.looseObject({
  date: z.string(),
  processor: z.string(),
  cores: z.int().check(z.positive()),
  /** Null where the system does not tell. */
  memoryBytes: z.nullable(limit),
  platform: z.string(),
  arch: z.string(),
  /** Of a container or service that the process was in; null if it had none below what the machine has. */
  memoryLimitBytes: z.optional(z.nullable(limit)),
  /** 'none' in a browser and in what only passes for Node; of V8 where the engine is another. */
  node: z.string(),
  v8: z.string(),
  /** `Bun 1.4.5`, `Deno 2.9.6`: what ran it if neither Node nor a browser did. */
  runtime: z.optional(z.string()),
  /** `Chromium 140.0.1.2`; left out in Node. */
  browser: z.optional(z.string()),
  /** Of the page: without it threads share no memory, and the clock is coarse. Null where the browser does not tell. */
  isCrossOriginIsolated: z.optional(z.nullable(z.boolean())),
  /** Over the last minute; null where the system does not tell. */
  loadAverage: z.nullable(amount),
  /** Of the folder that the command ran in; null without git. */
  gitCommit: z.nullable(z.string()),
  loadAverageAtEnd: z.optional(z.nullable(amount)),
  /** Processors that a container's quota allows; null without one. */
  quotaCores: z.optional(z.nullable(limit)),
  /** By level and kind: `L1d 32 KiB`; empty where the system does not tell. */
  caches: z.optional(z.array(z.string())),
  /** Of the processor's frequency: `performance`, or 'unknown'. */
  governor: z.optional(z.string()),
  /** Node's own flags. */
  nodeFlags: z.optional(z.array(z.string())),
  packages: z.optional(z.record(z.string(), z.string())),
  /** Share of the time that went to other machines on the same processor, as far as the system tells. */
  stealFraction: z.optional(z.nullable(z.number().check(z.gte(0), z.lte(1)))),
  /** A fixed piece of work, done between rounds: its slowest time over its fastest shows a neighbour. */
  calibrationSpread: z.optional(z.nullable(ratio.check(z.gte(1)))),
  /** In plain words, each with what to do. */
  warnings: z.optional(z.array(z.string())),
})

/** What an engine can't do, or why it failed. */
const unsupportedSchema = z.looseObject({
  engine: z.string(),
  pass: z.enum(PASSES),
  reason: z.string(),
  /** Those that it had finished when it failed; they are among the runs. Left out if it had none. */
  afterRounds: z.optional(z.int().check(z.positive())),
})

/** One engine beside another, over rounds. */
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

export const resultSchema = z.looseObject({
  schemaVersion: z.literal(SCHEMA_VERSION),
  tool: toolSchema,
  environment: environmentSchema,
  runs: z.array(runSchema),
  unsupported: z.optional(z.array(unsupportedSchema)),
  comparisons: z.optional(z.array(comparisonSchema)),
  /** Ctrl-C, maybe before any run had begun that could say so. */
  interrupted: z.optional(z.boolean()),
})

export type Result = z.infer<typeof resultSchema>
export type Run = z.infer<typeof runSchema>
export type Summary = z.infer<typeof summarySchema>
export type LayerTime = z.infer<typeof layerSchema>
export type Environment = z.infer<typeof environmentSchema>
export type ComparisonResult = z.infer<typeof comparisonSchema>
export type Unsupported = z.infer<typeof unsupportedSchema>
export type EngineRecord = z.infer<typeof engineSchema>

/** `not compared: it has no filter gradient`, `not compared after 8 rounds: its process ended with signal SIGKILL` */
export function notCompared({ reason, afterRounds = 0 }: Unsupported): string {
  const after = afterRounds > 0 ? ` after ${afterRounds} ${afterRounds === 1 ? 'round' : 'rounds'}` : ''
  return `not compared${after}: ${reason}`
}

/** Reads a result. Throws FormatError, in one line, for what is no JSON, another version or another shape. */
export function parseResult(text: string | Uint8Array, fileName: string): Result {
  const json = parseJson(text, fileName)
  requireVersion(json, SCHEMA_VERSION, fileName, 'a result')
  const result = requireShape(json, resultSchema, fileName, 'a convmark result')
  requireSamples(result, fileName)
  return result
}

/** Every sample has its time, rounds share them all out, and none is missing without a reason. */
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
