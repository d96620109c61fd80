// The one schema of a training log: its types, and its check by `parseTrainingLog`. A log is JSON lines, one record a line, appended while the
// run goes on. Unknown fields are kept and unknown kinds passed over, so that new ones stay version 1.
import * as z from 'zod/mini'
import { amount, milliseconds as ms, real } from '../bench/quantities.ts'
import { engineSchema, environmentSchema, toolSchema } from '../bench/result.ts'

export const LOG_SCHEMA_VERSION = 1

const count = z.int().check(z.nonnegative())
const fraction = z.number().check(z.gte(0), z.lte(1))
/** JSON has no NaN: null is what is not finite. */
const loss = z.nullable(real)

/** Named as the command's options. */
const settingsSchema = z.looseObject({
  batch: count.check(z.positive()),
  /** Images in the engine at a time; null where a batch is one. */
  microBatch: z.nullable(count.check(z.positive())),
  optimizer: z.string(),
  rate: real,
  /** Null where the optimizer has none. */
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
  /** The largest norm of all gradients together; null: not clipped. */
  clip: z.nullable(z.number().check(z.positive())),
  /** Layers whose parameters stay as they are; null or left out: none. */
  freeze: z.optional(z.nullable(z.array(z.string()))),
})

/** The first line that a command writes, also one that resumes. */
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
  /** How many numbers are trained. */
  parameters: count,
  trainCount: count,
  /** 0: there is no test set. */
  testCount: count,
  /** Which part of the data serves for the epochs' test figures; left out: `test`. */
  testedOn: z.optional(z.enum(['test', 'validation'])),
  /** Whether the network has dropout; left out: not known. */
  hasDropout: z.optional(z.boolean()),
  classNames: z.optional(z.array(z.string())),
  /** ISO 8601. */
  startedAt: z.string(),
})

const stepSchema = z.looseObject({
  kind: z.literal('step'),
  /** From 1. */
  epoch: count,
  /** Updates made so far, this one included: from 1, and on through the epochs. Not every step need have a line. */
  step: count,
  /** Mean over the step's batch, before its update. */
  loss,
  /** The learning rate of its update. */
  rate: real,
  imagesPerSecond: amount,
  /** From the command's start, as in all records. */
  elapsedMs: ms,
  /** Of all gradients together, before clipping. */
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
  /** Null where there is no test set. */
  testLoss: loss,
  testTop1: z.nullable(fraction),
  /** Null too where there are no more than five classes. */
  testTop5: z.nullable(fraction),
  elapsedMs: ms,
  /** What the epoch's steps took, waiting included, without evaluation and saving. */
  trainMs: ms,
  /** The part of `trainMs` in which the engine waited for data. */
  waitedMs: ms,
  /** Over `trainMs`. */
  imagesPerSecond: amount,
  /** Damaged ones, in this epoch. */
  skippedImages: count,
})

/** The line after its command's `run`: what follows goes on from this checkpoint, and replaces what came after it. */
const resumeSchema = z.looseObject({
  kind: z.literal('resume'),
  epoch: count,
  /** Updates that the checkpoint holds. */
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
/** Others are passed over. */
export const KINDS: ReadonlySet<unknown> = new Set(['run', 'step', 'epoch', 'resume', 'end'])

export type TrainingSettings = z.infer<typeof settingsSchema>
export type RunRecord = z.infer<typeof runSchema>
export type StepRecord = z.infer<typeof stepSchema>
export type EpochRecord = z.infer<typeof epochSchema>
export type ResumeRecord = z.infer<typeof resumeSchema>
export type EndRecord = z.infer<typeof endSchema>
export type LogRecord = z.infer<typeof recordSchema>

/** A run with all that its log holds of it, resumed or not. */
export interface TrainingRun {
  /** Of the command that wrote last. */
  readonly run: RunRecord
  /** Steps in order, each once; `elapsedMs` goes on over all of the run's commands, as it does in `epochs`. */
  readonly steps: readonly StepRecord[]
  readonly epochs: readonly EpochRecord[]
  readonly resumes: readonly ResumeRecord[]
  /** Null: it was killed, or is still going on. */
  readonly end: EndRecord | null
  /** Over all of its commands, without what a resume replaced. */
  readonly elapsedMs: number
}

export interface TrainingLog {
  /** More than one where runs were logged to the same file. */
  readonly runs: readonly TrainingRun[]
  /** Lines that a killed run did not finish, from 1; they are left out. */
  readonly cutShortLines: readonly number[]
}

/**
 * One line of a log, with the line break at its end. What is appended to the log of a run that may have been killed
 * must begin with a line break of its own: empty lines are passed over.
 */
export function logLine(record: LogRecord): string {
  return `${JSON.stringify(record)}\n`
}
