import {
  float32Tensors,
  integerFromZero,
  must,
  objectWith,
  orNull,
  positiveInteger,
  type Rules,
} from '../check-options.ts'
import type { Plan } from '../plan/plan.ts'
import { isTotal } from '../plan/training.ts'
import { type Tuning, tuningRules } from '../runtime/tuning.ts'
import type { Session } from '../session.ts'

/** All that a training goes on from: given back, it continues to the same bits. */
export interface TrainingState {
  /** Updates made. */
  readonly step: number
  /** The epoch under way or to come, counted from 1, and how many of its batches are done. */
  readonly epoch: number
  readonly batch: number
  /** By name, dense. */
  readonly parameters: Readonly<Record<string, Float32Array>>
  /** The optimizer's, by name: `conv1/weights.momentum`. */
  readonly states: Readonly<Record<string, Float32Array>>
  readonly tuning: Tuning | null
  /** Of the epoch under way. */
  readonly sums: EpochSums
}

/** What an epoch's figures are made of. */
export interface EpochSums {
  readonly images: number
  /** Of the images' losses. */
  readonly loss: number
  /** Images whose label had the largest logit; null where the network has no classes. */
  readonly correct: number | null
  readonly elapsedMs: number
  /** Of these, waiting for the next batch. */
  readonly waitedMs: number
}

const sum = must(Number.isFinite, 'a finite number')

export const stateRules: Rules<TrainingState> = {
  step: integerFromZero,
  epoch: positiveInteger,
  batch: integerFromZero,
  parameters: float32Tensors,
  states: float32Tensors,
  tuning: orNull(objectWith(tuningRules)),
  sums: objectWith<EpochSums>({
    images: integerFromZero,
    loss: sum,
    correct: orNull(integerFromZero),
    elapsedMs: sum,
    waitedMs: sum,
  }),
}

export const NO_SUMS: EpochSums = { images: 0, loss: 0, correct: 0, elapsedMs: 0, waitedMs: 0 }

/** The parameters and the optimizer's states: all that lasts from update to update. */
export const lastingTensors = ({ plan }: Session): string[] => [
  ...tensorsOfRole(plan, 'parameter'),
  ...tensorsOfRole(plan, 'state'),
]

/** Without sums over the parts of a batch, which end with it. */
const tensorsOfRole = ({ tensors }: Plan, wanted: 'parameter' | 'state'): string[] =>
  Object.keys(tensors).filter((name) => tensors[name]!.role === wanted && !isTotal(name))

/** Copies of what the session holds. */
export function tensorsOf(session: Session): Pick<TrainingState, 'parameters' | 'states'> {
  const ofRole = (wanted: 'parameter' | 'state'): Record<string, Float32Array> =>
    Object.fromEntries(tensorsOfRole(session.plan, wanted).map((name) => [name, session.read(name)]))
  return { parameters: ofRole('parameter'), states: ofRole('state') }
}
