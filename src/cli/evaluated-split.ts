// Which of a data set's images are evaluated, and what must be said about that.
import { resolve } from 'node:path'
import type { Dataset, Split } from '../data/index.ts'
import { FormatError, UsageError } from '../errors.ts'
import type { Evaluation } from '../records/evaluation.ts'
import type { Model } from '../train/index.ts'

/** The values of `--split`. */
export const SPLITS = ['test', 'val', 'train', 'all'] as const
export type SplitName = (typeof SPLITS)[number]

export interface EvaluatedSplit {
  readonly split: Split
  readonly name: NonNullable<Evaluation['split']>
  /** Why it is not the obvious split; null if it is. */
  readonly note: string | null
  /** What makes the accuracy doubtful; null if nothing does. */
  readonly warning: string | null
}

const PLAIN = { note: null, warning: null }

/**
 * The split that was asked for; otherwise the test set, or the validation set if the source has no test set. A source
 * that is not divided is evaluated whole, unless the model was trained on it; then only on what was held out. `model`
 * must know the source's classes. Throws UsageError for a split that the source lacks, and FormatError if no split was
 * given and the images that the model was trained on can't be separated from the others.
 */
export async function evaluatedSplit(
  model: Model,
  dataset: Dataset,
  asked: SplitName | undefined,
  onProgress: (done: number, total: number) => void,
): Promise<EvaluatedSplit> {
  const { name: source, whole, test, validation, train } = dataset
  const splits = { test, val: validation, train, all: whole }
  if (asked !== undefined && !splits[asked]) {
    const others = SPLITS.filter((name) => splits[name]).join(', ')
    throw new UsageError(`--split ${asked}: ${source} has no such split; it has ${others}`)
  }
  if (whole && asked !== 'train') {
    const known = await acquaintanceOf(model, { ...dataset, whole }, onProgress)
    if (asked === undefined) return splitOfWhole(source, whole, test, known)
    if (asked === 'all') return { ...PLAIN, split: whole, name: 'all', warning: warningOfAll(known) }
    return { ...PLAIN, split: test!, name: 'held out', warning: warningOfHeldOut(known) }
  }
  if (asked !== undefined) return { ...PLAIN, split: splits[asked]!, name: asked }
  if (test) return { ...PLAIN, split: test, name: 'test' }
  if (validation) {
    const note = `${source} has no test images; its validation images are evaluated`
    return { ...PLAIN, split: validation, name: 'val', note }
  }
  throw new UsageError(`${source} has ${train.count} images to train on and none to test; give --split train`)
}

/** The relation of a model's training data to a source that is not divided. */
type Acquaintance =
  /** The model does not say what it was trained on. */
  | { readonly kind: 'unknown' }
  /** It was trained on this source, without what is held out. */
  | { readonly kind: 'same' }
  /** It was trained on all of this source. */
  | { readonly kind: 'all' }
  /** It was trained on an earlier state of this source: some class is still the same, or the folder is. */
  | { readonly kind: 'changed'; readonly how: string }
  | { readonly kind: 'other' }

async function acquaintanceOf(
  { trainedOn, classNames }: Model,
  dataset: Dataset & { readonly whole: Split },
  onProgress: (done: number, total: number) => void,
): Promise<Acquaintance> {
  if (!trainedOn) return { kind: 'unknown' }
  const { dataDifference, identifyDataset } = await import('../data/index.ts')
  const { name: source, whole, test } = dataset
  const { counts, digests } = trainedOn.train
  const classes = classNames.map((_, i) => i).filter((i) => counts[i]! > 0)
  const identity = await identifyDataset(dataset, onProgress)
  const isTrained = (i: number): boolean => digests[i] === identity.train.digests[i]
  if (test && classes.every(isTrained)) return { kind: 'same' }
  const inWhole = await identifyDataset({ ...dataset, train: whole, test: null }, onProgress)
  const isAllTrained = (i: number): boolean => digests[i] === inWhole.train.digests[i]
  if (classes.every(isAllTrained)) return { kind: 'all' }
  const isSplitTrained = classes.some((i) => isTrained(i) || isAllTrained(i))
  if (!isSplitTrained && !isSameSource(source, trainedOn.source)) return { kind: 'other' }
  const difference = dataDifference({ classNames, identity: trainedOn }, { classNames, identity })
  const how = `${source} has changed since the model was trained on it: ${difference}`
  return { kind: 'changed', how }
}

/** The same folder may be written in several ways. */
const isSameSource = (one: string, other: string): boolean => placeOf(one) === placeOf(other)

const FOLDER = 'folder:'
const placeOf = (source: string): string =>
  source.startsWith(FOLDER) ? resolve(source.slice(FOLDER.length)) : source

/** The images that are evaluated if no split was given. */
function splitOfWhole(source: string, whole: Split, test: Split | null, known: Acquaintance): EvaluatedSplit {
  if (known.kind === 'same') {
    const note = `the model was trained on ${source}: the tenth of each class that was held out is evaluated`
    return { ...PLAIN, split: test!, name: 'held out', note }
  }
  if (known.kind === 'all')
    throw new FormatError(
      `${source}: the model was trained on all of these images; evaluate others, or give --split all to evaluate these`,
    )
  if (known.kind === 'changed')
    throw new FormatError(
      `${known.how}; so it is not known which images were held out; evaluate other images, or give --split all to include those that were trained on`,
    )
  return { ...PLAIN, split: whole, name: 'all', warning: warningOfAll(known) }
}

function warningOfAll(known: Acquaintance): string | null {
  switch (known.kind) {
    case 'unknown':
      return 'the model does not say which images it was trained on; if these are among them, give others, or --split test'
    case 'same':
    case 'all':
      return 'the model was trained on these images, which makes the accuracy too high'
    case 'changed':
      return `${known.how}; images that are in both make the accuracy too high`
    case 'other':
      return null
  }
}

function warningOfHeldOut(known: Acquaintance): string | null {
  switch (known.kind) {
    case 'all':
      return 'the model was trained on these images, which makes the accuracy too high'
    case 'changed':
      return `${known.how}; images that are held out now but were not held out then make the accuracy too high`
    default:
      return null
  }
}
