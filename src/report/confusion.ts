// What an evaluation says about the classes.
import type { ClassResult, Evaluation } from '../records/evaluation.ts'

/** Images of one class that were predicted as another. */
export interface ConfusedPair {
  readonly actual: string
  readonly predicted: string
  readonly count: number
  /** Of the actual class's images. */
  readonly fraction: number
}

/** The most frequent first. */
export function confusedPairs({ confusion, perClass }: Evaluation, maxCount: number): ConfusedPair[] {
  return confusion
    .flatMap((row, actual) =>
      row.flatMap((count, predicted) => {
        if (actual === predicted || count === 0) return []
        const [one, other] = [perClass[actual]!, perClass[predicted]!]
        return [{ actual: one.name, predicted: other.name, count, fraction: count / one.count }]
      }),
    )
    .sort((a, b) => b.count - a.count || b.fraction - a.fraction)
    .slice(0, maxCount)
}

/** The least accurate first, without classes that have no image. */
export function worstClasses({ perClass }: Evaluation, maxCount: number): ClassResult[] {
  return perClass
    .filter(({ top1 }) => top1 !== null)
    .sort((a, b) => a.top1! - b.top1!)
    .slice(0, maxCount)
}

/** Of the normal distribution: 95% lie within this many standard deviations. */
const Z = 1.959964

/** 95% interval of an accuracy over this many images. Source: Wilson 1927. */
export function accuracyInterval(fraction: number, count: number): readonly [number, number] {
  const spread = Z ** 2 / count
  const middle = (fraction + spread / 2) / (1 + spread)
  const reach = (Z / (1 + spread)) * Math.sqrt((fraction * (1 - fraction)) / count + spread / (4 * count))
  return [Math.max(0, middle - reach), Math.min(1, middle + reach)]
}
