// What training and evaluation have in memory in addition to their sessions.
import type { MemoryBeside } from '../engines/engine.ts'
import type { Network } from '../networks/network.ts'
import { createPlan, type Plan, writtenBytes } from '../plan/plan.ts'
import { logitsOf } from './logits.ts'

/** Batches that a pipeline has in memory: the one in use, and those that are prepared meanwhile. */
const BATCHES_AT_ONCE = 3

/** Four workers, each with a decoder and a picture of some megapixels. */
const DECODERS_BYTES = 160e6

const inputBytes = (plan: Plan): number => writtenBytes(plan, ['input'])

export interface TrainingBatches {
  /** Images of an update, if the session takes them in micro-batches; null if it takes all at once. */
  readonly whole: number | null
  /** How many images the training is tested on after each epoch; none by default. */
  readonly tested?: number | undefined
  /** Whether they are files, which workers decode meanwhile. */
  readonly areFiles?: boolean
  /** What frozen layers make, if it is kept: its bytes, and the layers, which run before the training. */
  readonly kept?: { readonly bytes: number; readonly trunk: Network } | undefined
}

/**
 * Beside a training: its batches; the initial parameters, a copy of all for a checkpoint, and the checkpoint's file; the session
 * for the test after each epoch, if there is one; and what frozen layers make, with their session, if it is kept.
 */
export const trainingBeside =
  ({ whole, tested = 0, areFiles = false, kept }: TrainingBatches) =>
  (plan: Plan): MemoryBeside => {
    const learned = writtenBytes(plan, ['parameter', 'state'])
    const batchBytes = (inputBytes(plan) / plan.batch) * (whole ?? plan.batch)
    const { network, lanes, fuses } = plan
    const decoders = areFiles ? DECODERS_BYTES : 0
    const bytes = BATCHES_AT_ONCE * batchBytes + 3 * learned + decoders + (kept?.bytes ?? 0)
    const forward = { pass: 'forward', lanes, fuses } as const
    const plans: Plan[] = []
    if (kept) plans.push(createPlan(kept.trunk, { batch: plan.batch, ...forward }))
    if (tested > 0) {
      const keep = [logitsOf(network)].flatMap((logits) => (logits ? [logits.name] : []))
      plans.push(createPlan(network, { batch: Math.min(plan.batch, tested), ...forward, keep }))
    }
    if (plans.length === 0) return { bytes }
    return { bytes: plans.reduce((sum, each) => sum + evaluationBeside(each).bytes, bytes), plans }
  }

/** Beside an evaluation: its batches, the one that is being filled, and the parameters. */
export const evaluationBeside = (plan: Plan): MemoryBeside => ({
  bytes: (BATCHES_AT_ONCE + 1) * inputBytes(plan) + writtenBytes(plan, ['parameter']),
})
