// The outcome of a training run or of an evaluation.
import { max, maxIndex } from 'd3-array'
import type { Evaluation } from '../records/evaluation.ts'
import type { EpochRecord, TrainingRun } from '../records/training-log.ts'
import { formatDuration } from './format.ts'

export interface Outcome {
  /** The last epoch that ended; null before that. */
  readonly last: EpochRecord | null
  /** The epoch with the highest test accuracy, the first if several are equal; null if none was tested. */
  readonly best: EpochRecord | null
  /** Over the time of all epochs that ended; before that, of the last step. */
  readonly imagesPerSecond: number | null
  /** As a share of the time of the steps. Null before an epoch has ended. */
  readonly waitedFraction: number | null
  /** The most in any one epoch, since the same images are skipped again. */
  readonly skippedImages: number
  readonly isDone: boolean
  /** How it ended: `done`, `interrupted`, `stopped: loss is NaN`. */
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

/** What the runs were tested on: `validation` if that is so for all of them. */
export const testedOnOf = (runs: readonly { readonly run: TrainingRun }[]): 'test' | 'validation' =>
  runs.every(({ run }) => run.run.testedOn === 'validation') ? 'validation' : 'test'

/** Whether top-5 is meaningful with this many classes, if that is known. */
export const saysTop5 = (classes = Number.POSITIVE_INFINITY): boolean => classes > 5

/** ` (held out)`: which split of the data was evaluated; empty for all of it. */
export const splitText = ({ split = 'all' }: Evaluation): string => (split === 'all' ? '' : ` (${split})`)

export const unpredictedCount = ({ unpredicted = [] }: Evaluation): number =>
  unpredicted.reduce((total, images) => total + images, 0)
