// Identifies a set of images in a few bytes, which models and checkpoints store.
import {
  arrayOf,
  arrayOfText,
  integerFromZero,
  objectWith,
  orNull,
  type Rules,
  someText,
} from '../check-options.ts'

/** Identifies the data that a model was trained on. Plain data. */
export interface DataIdentity {
  /** As the user gave it: `folder:cats`. */
  readonly source: string
  readonly train: SplitIdentity
  /** What the training was tested on after each epoch; null if there was none. */
  readonly tried: SplitIdentity | null
}

/** Identifies the images of a split and their classes. Plain data. */
export interface SplitIdentity {
  /** By class: the number of images. */
  readonly counts: readonly number[]
  /** By class: a digest of its images, in order. */
  readonly digests: readonly string[]
  /** A digest of the labels, in the images' order. */
  readonly order: string
}

const splitRules: Rules<SplitIdentity> = {
  counts: arrayOf(integerFromZero),
  digests: arrayOfText,
  order: someText,
}

export const identityRules: Rules<DataIdentity> = {
  source: someText,
  train: objectWith(splitRules),
  tried: orNull(objectWith(splitRules)),
}

/** A data set to compare with another; `identity` is null if only its classes are known. */
export interface IdentifiedData {
  readonly classNames: readonly string[]
  readonly identity: DataIdentity | null
}

/** The first difference between two sets of images, in words, `class 3 was 'cat', is 'dog'`; null if there is none. */
export function dataDifference(before: IdentifiedData, now: IdentifiedData): string | null {
  const classes = classDifference(before.classNames, now.classNames)
  if (classes !== null || !before.identity || !now.identity) return classes
  const [then, today] = [before.identity, now.identity]
  return (
    splitDifference(now.classNames, then.train, today.train, 'to train on') ??
    splitDifference(now.classNames, then.tried, today.tried, 'to try it on after each epoch')
  )
}

function classDifference(before: readonly string[], now: readonly string[]): string | null {
  const length = Math.max(before.length, now.length)
  const first = Array.from({ length }, (_, i) => i).find((i) => before[i] !== now[i])
  if (first === undefined) return null
  const counts =
    before.length === now.length ? '' : `; there were ${before.length} classes, now ${now.length}`
  const [was, is] = [before[first], now[first]]
  if (was === undefined) return `class ${first}, '${is}', is new${counts}`
  if (is === undefined) return `class ${first}, '${was}', is gone${counts}`
  return `class ${first} was '${was}', is '${is}'${counts}`
}

function splitDifference(
  classNames: readonly string[],
  before: SplitIdentity | null,
  now: SplitIdentity | null,
  purpose: string,
): string | null {
  if (!before || !now) return before === now ? null : `there ${now ? 'were no' : 'were'} images ${purpose}`
  const other = classNames.findIndex((_, i) => before.counts[i] !== now.counts[i])
  if (other >= 0) {
    const [had, has] = [before.counts[other], now.counts[other]]
    return `class '${classNames[other]}' had ${had} ${had === 1 ? 'image' : 'images'} ${purpose}, has ${has}`
  }
  const changed = classNames.findIndex((_, i) => before.digests[i] !== now.digests[i])
  if (changed >= 0) return `class '${classNames[changed]}' has other images ${purpose}, or under other names`
  return before.order === now.order ? null : `the images ${purpose} are in another order`
}
