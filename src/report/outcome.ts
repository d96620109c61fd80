// What came of a training run, or of an evaluation.
import { max, maxIndex } from 'd3-array'
import type { Evaluation } from '../records/evaluation.ts'
import type { EpochRecord, TrainingRun } from '../records/training-log.ts'
import { formatDuration } from './format.ts'

export interface Outcome {
  /** The last one that ended; null before that. */
  readonly last: EpochRecord | null
  /** With the highest test accuracy, the first of such; null without a tested one. */
  readonly best: EpochRecord | null
  /** Over all epochs that ended, by the time they took; of the last step before that. */
  readonly imagesPerSecond: number | null
  /** Of the time that the steps took. Null before an epoch ended. */
  readonly waitedFraction: number | null
  /** In any one epoch: they are the same ones again. */
  readonly skippedImages: number
  readonly isDone: boolean
  /** `done`, `interrupted`, `stopped: loss is NaN`: how it ended. */
  readonly ending: string
}

export function outcomeOf({ epochs, steps, end }: TrainingRun): Outcome {
  const trainMs = sum(epochs, (epoch) => epoch.trainMs)
  const images = sum(epochs, (epoch) => epoch.imagesPerSecond * epoch.trainMs)
  const waitedMs = sum(epochs, (epoch) => epoch.waitedMs)
  return {
    last: epochs.at(-1) ?? null,
    best: bestOf(epochs),
    imagesPerSecond: trainMs > 0 ? images / trainMs : (steps.at(-1)?.imagesPerSecond ?? null),
    waitedFraction: trainMs > 0 ? waitedMs / trainMs : null,
    skippedImages: max(epochs, (epoch) => epoch.skippedImages) ?? 0,
    isDone: end?.reason === 'done',
    ending: endingOf(end),
  }
}

/** Waiting for less than this share of the time is harmless. */
export const MAX_WAITED_FRACTION = 0.03

function bestOf(epochs: readonly EpochRecord[]): EpochRecord | null {
  const tested = epochs.filter(({ testTop1 }) => testTop1 !== null)
  return tested[maxIndex(tested, ({ testTop1 }) => testTop1!)] ?? null
}

const ENDINGS = { done: 'done', interrupted: 'interrupted', nan: 'loss is NaN', error: 'failed' } as const

function endingOf(end: TrainingRun['end']): string {
  if (!end) return 'no end: killed, or still going on'
  return [ENDINGS[end.reason], end.message].filter(Boolean).join(': ')
}

/** `after 2 of 10 epochs, 3 min 20 s` */
export function extentText({ run, epochs, elapsedMs }: TrainingRun): string {
  const { epochs: planned } = run.settings
  const unit = planned === 1 ? 'epoch' : 'epochs'
  return `after ${epochs.at(-1)?.epoch ?? 0} of ${planned} ${unit}, ${formatDuration(elapsedMs)}`
}

const sum = (epochs: readonly EpochRecord[], of: (epoch: EpochRecord) => number): number =>
  epochs.reduce((total, epoch) => total + of(epoch), 0)

/** What serves for the runs' test figures: `validation` if it does in all of them. */
export const testedOnOf = (runs: readonly { readonly run: TrainingRun }[]): 'test' | 'validation' =>
  runs.every(({ run }) => run.run.testedOn === 'validation') ? 'validation' : 'test'

/** Whether a label among the five largest logits says anything, with so many classes, if that is known. */
export const saysTop5 = (classes = Number.POSITIVE_INFINITY): boolean => classes > 5

/** ` (held out)`: which part of the data was evaluated; empty for all of it. */
export const splitText = ({ split = 'all' }: Evaluation): string => (split === 'all' ? '' : ` (${split})`)

export const unpredictedCount = ({ unpredicted = [] }: Evaluation): number =>
  unpredicted.reduce((total, images) => total + images, 0)
