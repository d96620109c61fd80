import * as z from 'zod'
import { FormatError } from '../errors.ts'
import { ALGORITHMS } from '../kernels/kernel.ts'
import { PASSES } from '../plan/plan.ts'
import { parseJson, requireShape, requireVersion } from './parse-json.ts'

// The one schema of a result: its check and its types. Unknown fields are kept, so that new ones stay version 1.

export const SCHEMA_VERSION = 1

const ms = z.number().nonnegative()

const summarySchema = z.looseObject({
  meanMs: ms,
  /** The population's. */
  sdMs: ms,
  medianMs: ms,
  minMs: ms,
  maxMs: ms,
  p95Ms: ms,
  /** The sample's: over n - 1. */
  sampleSdMs: ms.optional(),
  /** Median of the absolute distances from the median. */
  madMs: ms.optional(),
  /** 95% by bootstrap over blocks of samples. */
  meanIntervalMs: z.tuple([ms, ms]).optional(),
  medianIntervalMs: z.tuple([ms, ms]).optional(),
})

const layerSchema = z.looseObject({
  name: z.string(),
  kind: z.string(),
  /** With the batch: (N, H, W, C); a loss has none. */
  shape: z.array(z.number().int().positive()),
  algorithm: z.string(),
  /** In forward-backward those of all the layer's steps that have one. */
  tile: z.string(),
  /** Steps that lack the algorithm asked for, and why. */
  notes: z.array(z.string()).optional(),
  /** Means over all samples; null where the engine's steps can't be seen. */
  forwardMs: ms.nullable(),
  backwardMs: ms.nullable(),
  /** Of its parameters, in a training step. */
  updateMs: ms.optional(),
  /** Of the whole batch, forward; 2 a multiply-add. */
  flops: z.number().nonnegative(),
  backwardFlops: z.number().nonnegative(),
  /** What its steps read and write at the least, of the whole batch: inputs, parameters, outputs, each once. */
  bytes: z.number().nonnegative().optional(),
  backwardBytes: z.number().nonnegative().optional(),
})

const checkSchema = z.looseObject({
  against: z.string(),
  maxRelativeError: z.number(),
  tensor: z.string(),
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
  threads: z.number().int().positive(),
  reason: z.string(),
  v8Flags: z.array(z.string()),
})

const runSchema = z.looseObject({
  network: z.string(),
  imageSize: z.number().int().positive(),
  seed: z.number().int(),
  engine: engineSchema,
  pass: z.enum(PASSES),
  /** What was asked for; left out before there was a choice. */
  algorithm: z.enum(ALGORITHMS).optional(),
  batch: z.number().int().positive(),
  burnIn: z.number().int().nonnegative(),
  batches: z.number().int().positive(),
  samplesMs: z.array(ms),
  /** When each sample began, from the first one's start. */
  startsMs: z.array(ms),
  /** How many samples each round took, where engines took turns; together all of `samplesMs`, in their order. */
  rounds: z.array(z.number().int().positive()).optional(),
  /** Null where the run was interrupted before its first sample. */
  summary: summarySchema.nullable(),
  /** Null: unchecked. */
  check: checkSchema.nullable(),
  /** Of one batch. */
  flops: z.number().nonnegative(),
  gflopsPerSecond: z.number().nonnegative(),
  peakGflopsPerSecond: z.number().positive().nullable(),
  peakFraction: z.number().nonnegative().nullable(),
  /** Of memory, measured in the same run. */
  bandwidthGigabytesPerSecond: z.number().positive().nullable().optional(),
  /** Processor time over elapsed time while it ran: a peer may use fewer threads than it was given. */
  threadsUsed: z.number().nonnegative().nullable().optional(),
  /** In plain words, each with what to do. */
  warnings: z.array(z.string()).optional(),
  imagesPerSecond: z.number().nonnegative(),
  /** The process's largest resident size so far. */
  peakMemoryBytes: z.number().nonnegative(),
  layers: z.array(layerSchema),
  /** Of a training step: what is packed and transformed of the weights before the first layer, since they changed. */
  weightsMs: ms.optional(),
  tuning: tuningSchema.nullable(),
  interrupted: z.boolean(),
})

export const environmentSchema = z.looseObject({
  date: z.string(),
  processor: z.string(),
  cores: z.number().int().positive(),
  /** Null where the system does not tell. */
  memoryBytes: z.number().positive().nullable(),
  platform: z.string(),
  arch: z.string(),
  /** 'none' in a browser, and of V8 where the engine is another. */
  node: z.string(),
  v8: z.string(),
  /** `Chromium 140.0.1.2`; left out in Node. */
  browser: z.string().optional(),
  /** Of the page: without it threads share no memory, and the clock is coarse. Null where the browser does not tell. */
  isCrossOriginIsolated: z.boolean().nullable().optional(),
  /** Over the last minute; null where the system does not tell. */
  loadAverage: z.number().nonnegative().nullable(),
  /** Of the folder that the command ran in; null without git. */
  gitCommit: z.string().nullable(),
  loadAverageAtEnd: z.number().nonnegative().nullable().optional(),
  /** Processors that a container's quota allows; null without one. */
  quotaCores: z.number().positive().nullable().optional(),
  /** By level and kind: `L1d 32 KiB`; empty where the system does not tell. */
  caches: z.array(z.string()).optional(),
  /** Of the processor's frequency: `performance`, or 'unknown'. */
  governor: z.string().optional(),
  /** Node's own flags. */
  nodeFlags: z.array(z.string()).optional(),
  packages: z.record(z.string(), z.string()).optional(),
  /** Share of the time that went to other machines on the same processor, as far as the system tells. */
  stealFraction: z.number().min(0).max(1).nullable().optional(),
  /** A fixed piece of work, done between rounds: its slowest time over its fastest shows a neighbour. */
  calibrationSpread: z.number().min(1).nullable().optional(),
  /** In plain words, each with what to do. */
  warnings: z.array(z.string()).optional(),
})

/** What an engine can't do, and why. */
const unsupportedSchema = z.looseObject({
  engine: z.string(),
  pass: z.enum(PASSES),
  reason: z.string(),
})

/** One engine beside another, over rounds. */
const comparisonSchema = z.looseObject({
  pass: z.enum(PASSES),
  /** Engine specs. */
  engine: z.string(),
  baseline: z.string(),
  /** How many times as fast as the baseline, by the medians of rounds; with its 95% interval. */
  ratio: z.number().positive(),
  interval: z.tuple([z.number().positive(), z.number().positive()]),
  pValue: z.number().min(0).max(1),
  /** A difference of this fraction would have been found. */
  detectable: z.number().nonnegative(),
  verdict: z.enum(['faster', 'slower', 'no difference found']),
  text: z.string(),
})

export const resultSchema = z.looseObject({
  schemaVersion: z.literal(SCHEMA_VERSION),
  tool: toolSchema,
  environment: environmentSchema,
  runs: z.array(runSchema),
  unsupported: z.array(unsupportedSchema).optional(),
  comparisons: z.array(comparisonSchema).optional(),
  /** Ctrl-C, maybe before any run had begun that could say so. */
  interrupted: z.boolean().optional(),
})

export type Result = z.infer<typeof resultSchema>
export type Run = z.infer<typeof runSchema>
export type Summary = z.infer<typeof summarySchema>
export type LayerTime = z.infer<typeof layerSchema>
export type Environment = z.infer<typeof environmentSchema>
export type ComparisonResult = z.infer<typeof comparisonSchema>
export type Unsupported = z.infer<typeof unsupportedSchema>
export type EngineRecord = z.infer<typeof engineSchema>

/** Reads a result. Throws FormatError, in one line, for what is no JSON, another version or another shape. */
export function parseResult(text: string, fileName: string): Result {
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
