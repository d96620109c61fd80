import {
  float32Tensors,
  integerFromZero,
  must,
  objectWith,
  orNull,
  positiveInteger,
  type Rules,
} from '../check-options.ts'
import { UsageError } from '../errors.ts'
import type { Plan } from '../plan/plan.ts'
import { isTotal } from '../plan/training.ts'
import { type Tuning, tuningRules } from '../runtime/tuning.ts'
import type { Session } from '../session.ts'

/** All that a training needs to continue with the same bits. */
export interface TrainingState {
  /** Updates made. */
  readonly step: number
  /** The current or next epoch, counted from 1. */
  readonly epoch: number
  /** How many batches of that epoch are done. */
  readonly batch: number
  /** By name, dense. */
  readonly parameters: Readonly<Record<string, Float32Array>>
  /** The optimizer's states, by name: `conv1/weights.momentum`. */
  readonly states: Readonly<Record<string, Float32Array>>
  /** The tiles that were chosen; null if the engine has none. */
  readonly tuning: Tuning | null
  /** Sums over the current epoch. */
  readonly sums: EpochSums
}

/** The sums from which an epoch's figures are computed. */
export interface EpochSums {
  /** Images that were trained on. */
  readonly images: number
  /** The sum of the images' losses. */
  readonly loss: number
  /** Images whose label had the largest logit; null if the network has no classes. */
  readonly correct: number | null
  /** How long the updates took, the waiting for batches included. */
  readonly elapsedMs: number
  /** How much of `elapsedMs` was spent waiting for the next batch. */
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

/** Without sums over micro-batches, which end with the batch. */
const tensorsOfRole = ({ tensors }: Plan, wanted: 'parameter' | 'state'): string[] =>
  Object.keys(tensors).filter((name) => tensors[name]!.role === wanted && !isTotal(name))

/**
 * Throws UsageError if the state was left by another optimizer, with other frozen layers or of another network: what it lacks
 * would begin at zero.
 */
export function requireSameTensors(session: Session, { parameters, states }: TrainingState): void {
  const differs = (given: Readonly<Record<string, Float32Array>>, wanted: readonly string[]) =>
    wanted.find((name) => !Object.hasOwn(given, name)) ??
    Object.keys(given).find((name) => !wanted.includes(name))
  const name =
    differs(parameters, tensorsOfRole(session.plan, 'parameter')) ??
    differs(states, tensorsOfRole(session.plan, 'state'))
  if (name === undefined) return
  const isLacking = !Object.hasOwn(parameters, name) && !Object.hasOwn(states, name)
  throw new UsageError(
    `train: resume ${isLacking ? 'lacks' : 'has'} '${name}', which this training has${isLacking ? '' : ' not'}; ` +
      'give the network, the optimizer and the frozen layers that it was left with',
  )
}

/** Copies of what the session holds. */
export function tensorsOf(session: Session): Pick<TrainingState, 'parameters' | 'states'> {
  const ofRole = (wanted: 'parameter' | 'state'): Record<string, Float32Array> =>
    Object.fromEntries(tensorsOfRole(session.plan, wanted).map((name) => [name, session.read(name)]))
  return { parameters: ofRole('parameter'), states: ofRole('state') }
}
