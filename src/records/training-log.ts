// The schema of a training log: its types, and its check by `parseTrainingLog`. A log is JSON lines, one record a line,
// appended while the run goes on. Unknown fields are kept and unknown kinds ignored, so that they can be added without
// a new version.
import * as z from 'zod/mini'
import { amount, milliseconds as ms, real } from '../bench/quantities.ts'
import { engineSchema, environmentSchema, toolSchema } from '../bench/result.ts'

export const LOG_SCHEMA_VERSION = 1

const count = z.int().check(z.nonnegative())
const fraction = z.number().check(z.gte(0), z.lte(1))
/** JSON has no NaN, so null stands for a loss that is not finite. */
const loss = z.nullable(real)

/** Named like the command's options. */
const settingsSchema = z.looseObject({
  batch: count.check(z.positive()),
  /** Images in the engine at a time; null if a batch is not divided. */
  microBatch: z.nullable(count.check(z.positive())),
  optimizer: z.string(),
  rate: real,
  /** Null if the optimizer has none. */
  momentum: z.nullable(real),
  decay: real,
  schedule: z.string(),
  augment: z.string(),
  /** Null: the network's own. */
  activation: z.nullable(z.string()),
  without: z.array(z.string()),
  seed: z.int(),
  epochs: count.check(z.positive()),
  init: z.string(),
  /** The largest norm of all gradients together; null if they are not clipped. */
  clip: z.nullable(z.number().check(z.positive())),
  /** Layers whose parameters stay as they are, or `all-but-head`; null or left out if there are none. */
  freeze: z.optional(z.nullable(z.array(z.string()))),
  /** The layer that was asked to be made anew for the data's classes; null or left out if none was named. */
  head: z.optional(z.nullable(z.string())),
  /** The head's own learning rate; null or left out if it has none. */
  headRate: z.optional(z.nullable(real)),
})

/** The first line of a command, including one that resumes. */
const runSchema = z.looseObject({
  kind: z.literal('run'),
  schemaVersion: z.literal(LOG_SCHEMA_VERSION),
  tool: toolSchema,
  environment: z.optional(environmentSchema),
  network: z.string(),
  /** The source, as given: `mnist`, `folder:cats`. */
  data: z.string(),
  engine: engineSchema,
  settings: settingsSchema,
  /** The number of values that are trained. */
  parameters: count,
  trainCount: count,
  /** 0 if there is no test set. */
  testCount: count,
  /** Which split of the data the epochs' test figures are from; `test` if left out. */
  testedOn: z.optional(z.enum(['test', 'validation'])),
  /** Whether the network has dropout; left out if not known. */
  hasDropout: z.optional(z.boolean()),
  classNames: z.optional(z.array(z.string())),
  /** ISO 8601. */
  startedAt: z.string(),
})

const stepSchema = z.looseObject({
  kind: z.literal('step'),
  /** From 1. */
  epoch: count,
  /** Updates made so far, including this one: from 1, and on through the epochs. Some steps may have no line. */
  step: count,
  /** Mean over the step's batch, before its update. */
  loss,
  /** The learning rate of its update. */
  rate: real,
  imagesPerSecond: amount,
  /** Since the command's start, as in all records. */
  elapsedMs: ms,
  /** The norm of all gradients together, before clipping. */
  gradientNorm: z.optional(z.nullable(real)),
})

/** An epoch's end. */
const epochSchema = z.looseObject({
  kind: z.literal('epoch'),
  epoch: count,
  /** Updates made so far. */
  step: count,
  /** Means over the epoch's batches, each before its update. */
  trainLoss: loss,
  trainAccuracy: fraction,
  /** Null if there is no test set. */
  testLoss: loss,
  testTop1: z.nullable(fraction),
  /** Null also if there are no more than five classes. */
  testTop5: z.nullable(fraction),
  elapsedMs: ms,
  /** How long the epoch's steps took, including waiting but without evaluation and saving. */
  trainMs: ms,
  /** How much of `trainMs` the engine waited for data. */
  waitedMs: ms,
  /** Over `trainMs`. */
  imagesPerSecond: amount,
  /** Damaged images in this epoch. */
  skippedImages: count,
})

/** The line after its command's `run`: what follows continues from this checkpoint and replaces what came after it. */
const resumeSchema = z.looseObject({
  kind: z.literal('resume'),
  epoch: count,
  /** The number of updates in the checkpoint. */
  step: count,
})

const endSchema = z.looseObject({
  kind: z.literal('end'),
  reason: z.enum(['done', 'interrupted', 'nan', 'error']),
  message: z.optional(z.string()),
  elapsedMs: ms,
})

export const recordSchema = z.discriminatedUnion('kind', [
  runSchema,
  stepSchema,
  epochSchema,
  resumeSchema,
  endSchema,
])
/** Other kinds are ignored. */
export const KINDS: ReadonlySet<unknown> = new Set(['run', 'step', 'epoch', 'resume', 'end'])

export type TrainingSettings = z.infer<typeof settingsSchema>
export type RunRecord = z.infer<typeof runSchema>
export type StepRecord = z.infer<typeof stepSchema>
export type EpochRecord = z.infer<typeof epochSchema>
export type ResumeRecord = z.infer<typeof resumeSchema>
export type EndRecord = z.infer<typeof endSchema>
export type LogRecord = z.infer<typeof recordSchema>

/** A run with all that its log contains about it, resumed or not. */
export interface TrainingRun {
  /** From the last command that wrote. */
  readonly run: RunRecord
  /** Steps in order, each once; `elapsedMs` counts on over all of the run's commands, also in `epochs`. */
  readonly steps: readonly StepRecord[]
  readonly epochs: readonly EpochRecord[]
  readonly resumes: readonly ResumeRecord[]
  /** Null if the run was killed or is still going on. */
  readonly end: EndRecord | null
  /** Over all of its commands, without what a resume replaced. */
  readonly elapsedMs: number
}

export interface TrainingLog {
  /** More than one if several runs were logged to the same file. */
  readonly runs: readonly TrainingRun[]
  /** Numbers, from 1, of lines that a killed run did not finish; their contents are left out. */
  readonly cutShortLines: readonly number[]
}

/**
 * One line of a log, with a line break at its end. What is appended to the log of a run that may have been killed must
 * begin with another line break; empty lines are ignored.
 */
export function logLine(record: LogRecord): string {
  return `${JSON.stringify(record)}\n`
}
