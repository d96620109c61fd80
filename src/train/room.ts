// What training and evaluation have in memory beside their sessions.
import type { MemoryBeside } from '../engines/engine.ts'
import { createPlan, type Plan, writtenBytes } from '../plan/plan.ts'
import { logitsOf } from './logits.ts'

/** Batches that a pipeline has at a time: the one that is computed with, and those that are made meanwhile. */
const BATCHES_AT_ONCE = 3

/** Four workers, each with a decoder and a picture of some megapixels. */
const DECODERS_BYTES = 160e6

const inputBytes = (plan: Plan): number => writtenBytes(plan, ['input'])

export interface TrainingBatches {
  /** Images of an update, if the session has only a part of them at a time; null if it has all. */
  readonly whole: number | null
  /** How many images it is tested on after each epoch; none by default. */
  readonly tested?: number | undefined
  /** They are decoded by workers meanwhile. */
  readonly areFiles?: boolean
}

/**
 * Beside a training: its batches; the first parameters, a copy of all for a checkpoint, and the checkpoint's file; and if it
 * is tested after each epoch, the session for that.
 */
export const trainingBeside =
  ({ whole, tested = 0, areFiles = false }: TrainingBatches) =>
  (plan: Plan): MemoryBeside => {
    const learned = writtenBytes(plan, ['parameter', 'state'])
    const batchBytes = (inputBytes(plan) / plan.batch) * (whole ?? plan.batch)
    const bytes = BATCHES_AT_ONCE * batchBytes + 3 * learned + (areFiles ? DECODERS_BYTES : 0)
    if (tested === 0) return { bytes }
    const { network, lanes } = plan
    const keep = [logitsOf(network)].flatMap((logits) => (logits ? [logits.name] : []))
    const batch = Math.min(plan.batch, tested)
    const test = createPlan(network, { batch, pass: 'forward', lanes, keep })
    return { bytes: bytes + evaluationBeside(test).bytes, plans: [test] }
  }

/** Beside an evaluation: its batches, the one that is filled up, and the parameters. */
export const evaluationBeside = (plan: Plan): MemoryBeside => ({
  bytes: (BATCHES_AT_ONCE + 1) * inputBytes(plan) + writtenBytes(plan, ['parameter']),
})
