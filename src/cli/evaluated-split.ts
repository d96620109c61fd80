// Which of a data set's images an evaluation takes, and what must be said of that.
import { resolve } from 'node:path'
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
 * Throws UsageError for a part that the source lacks, FormatError if nobody asked for images that were trained on and they
 * can't be told from others.
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
    throw new UsageError(`--split ${asked}: ${source} has no such part; it has ${others}`)
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
    const note = `${source} has no images to test: those to validate on are evaluated`
    return { ...PLAIN, split: validation, name: 'val', note }
  }
  throw new UsageError(`${source} has ${train.count} images to train on and none to test; give --split train`)
}

/** What a model was trained on, seen beside a source that is not divided. */
type Acquaintance =
  /** The model does not say. */
  | { readonly kind: 'unknown' }
  /** It is this source, without what is held out. */
  | { readonly kind: 'same' }
  /** It is all of this source. */
  | { readonly kind: 'all' }
  /** It is this source as it was before: some class is still the same, or the folder is. */
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
  const isPartTrained = classes.some((i) => isTrained(i) || isAllTrained(i))
  if (!isPartTrained && !isSameSource(source, trainedOn.source)) return { kind: 'other' }
  const difference = dataDifference({ classNames, identity: trainedOn }, { classNames, identity })
  const how = `${source} is not as it was when the model was trained on it: ${difference}`
  return { kind: 'changed', how }
}

/** A folder may be written in more than one way. */
const isSameSource = (one: string, other: string): boolean => placeOf(one) === placeOf(other)

const FOLDER = 'folder:'
const placeOf = (source: string): string =>
  source.startsWith(FOLDER) ? resolve(source.slice(FOLDER.length)) : source

/** What is evaluated if nobody asks for a part. */
function splitOfWhole(source: string, whole: Split, test: Split | null, known: Acquaintance): EvaluatedSplit {
  if (known.kind === 'same') {
    const note = `the model was trained on ${source}: the tenth of each class that was held out is evaluated`
    return { ...PLAIN, split: test!, name: 'held out', note }
  }
  if (known.kind === 'all')
    throw new FormatError(
      `${source}: the model was trained on all of these images; evaluate others, or give --split all to take these`,
    )
  if (known.kind === 'changed')
    throw new FormatError(
      `${known.how}; so what was held out can't be told; evaluate other images, or give --split all to take these with those that were trained on`,
    )
  return { ...PLAIN, split: whole, name: 'all', warning: warningOfAll(known) }
}

function warningOfAll(known: Acquaintance): string | null {
  switch (known.kind) {
    case 'unknown':
      return 'the model does not say which images it was trained on; if these are among them, give others, or --split test'
    case 'same':
    case 'all':
      return 'the model was trained on these images, which makes the accuracy too good'
    case 'changed':
      return `${known.how}; images that are in both make the accuracy too good`
    case 'other':
      return null
  }
}

function warningOfHeldOut(known: Acquaintance): string | null {
  switch (known.kind) {
    case 'all':
      return 'the model was trained on these images, which makes the accuracy too good'
    case 'changed':
      return `${known.how}; images that are held out now and were not then make the accuracy too good`
    default:
      return null
  }
}
