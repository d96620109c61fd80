// Which of a data set's images an evaluation takes, and what must be said of that.
import type { Dataset, Split } from '../data/index.ts'
import { FormatError, UsageError } from '../errors.ts'
import type { Evaluation } from '../records/evaluation.ts'
import type { Model } from '../train/index.ts'

/** What `--split` takes. */
export const SPLITS = ['test', 'val', 'train', 'all'] as const
export type SplitName = (typeof SPLITS)[number]

export interface EvaluatedSplit {
  readonly split: Split
  readonly name: NonNullable<Evaluation['split']>
  /** Why it is not what one might think; null if it is. */
  readonly note: string | null
  /** What makes the accuracy doubtful; null if nothing does. */
  readonly warning: string | null
}

const PLAIN = { note: null, warning: null }

/**
 * The part that is asked for; else the test set, or the validation set of a source without one. A source that is not
 * divided is taken whole, unless the model was trained on it: then what was held out. `model` knows the source's classes.
 * Throws UsageError for a part that the source lacks, FormatError if images that were trained on can't be told from others.
 */
export async function evaluatedSplit(
  model: Model,
  dataset: Dataset,
  asked: SplitName | undefined,
  onProgress: (done: number, total: number) => void,
): Promise<EvaluatedSplit> {
  const { name: source, whole, test, validation, train } = dataset
  if (asked !== undefined) return askedSplit(dataset, asked)
  if (whole) return splitOfWhole(model, { ...dataset, whole }, onProgress)
  if (test) return { ...PLAIN, split: test, name: 'test' }
  if (validation)
    return {
      ...PLAIN,
      split: validation,
      name: 'val',
      note: `${source} has no images to test: those to validate on are evaluated`,
    }
  throw new UsageError(`${source} has ${train.count} images to train on and none to test; give --split train`)
}

function askedSplit({ name: source, whole, test, validation, train }: Dataset, asked: SplitName) {
  const splits = { test, val: validation, train, all: whole }
  const split = splits[asked]
  if (split) return { ...PLAIN, split, name: asked === 'test' && whole ? ('held out' as const) : asked }
  const others = SPLITS.filter((name) => splits[name]).join(', ')
  throw new UsageError(`--split ${asked}: ${source} has no such part; it has ${others}`)
}

async function splitOfWhole(
  { trainedOn, classNames }: Model,
  dataset: Dataset & { readonly whole: Split },
  onProgress: (done: number, total: number) => void,
): Promise<EvaluatedSplit> {
  const { name: source, whole, test } = dataset
  const all = { ...PLAIN, split: whole, name: 'all' } as const
  if (!trainedOn) {
    const warning =
      'the model does not say which images it was trained on (an older convmark wrote it); if these are among them, give others, or --split test'
    return { ...all, warning }
  }
  const { dataDifference, identifyDataset } = await import('../data/index.ts')
  const identity = await identifyDataset(dataset, onProgress)
  const inWhole = await identifyDataset({ ...dataset, train: whole, test: null }, onProgress)
  const { counts, digests } = trainedOn.train
  const classes = classNames.map((_, i) => i).filter((i) => counts[i]! > 0)
  const isTrained = (i: number): boolean => digests[i] === identity.train.digests[i]
  const isAllTrained = (i: number): boolean => digests[i] === inWhole.train.digests[i]
  if (test && classes.every(isTrained)) {
    const note = `the model was trained on ${source}: the tenth of each class that was held out is evaluated`
    return { ...PLAIN, split: test, name: 'held out', note }
  }
  if (classes.every(isAllTrained))
    throw new FormatError(
      `${source}: the model was trained on all of these images; evaluate others, or give --split all to take these`,
    )
  const difference = dataDifference({ classNames, identity: trainedOn }, { classNames, identity })
  const changed = `${source} is not as it was when the model was trained on it: ${difference}`
  if (classes.some((i) => isTrained(i) || isAllTrained(i)))
    throw new FormatError(
      `${changed}; so what was held out can't be told; evaluate other images, or give --split all to take these with those that were trained on`,
    )
  const isNamesake = source === trainedOn.source
  return {
    ...all,
    warning: isNamesake ? `${changed}; images that are in both make the accuracy too good` : null,
  }
}
