// An axis for samples: a few that lie far out must not press all others into a line.
import { max, min, quantileSorted } from 'd3-array'

/** What an axis shows, and the values that lie beyond it, each side from the nearest to the furthest. */
export interface RobustExtent {
  readonly low: number
  readonly high: number
  readonly below: readonly number[]
  readonly above: readonly number[]
}

/** With fewer nothing says which of them is the odd one. */
const MIN_VALUES = 5
/** Further than so many interquartile ranges from the quartiles is far out (Tukey 1977). */
const FAR_OUT = 3
/** Times that differ by less than this share of the median are alike, however narrow their quartiles are. */
const MIN_REACH = 0.02
/** Around equal values an axis has so much room, as a share of them. */
const ROOM_AROUND_EQUALS = 0.1
/** A wider gap, as a share of what an axis shows, is wasted on it. */
const MAX_GAP = 0.5
/** More than this share is no oddity but a part of the distribution, and is shown. */
const MAX_SHARE = 0.05

/**
 * The extent of at least one value, without those far out behind a gap in which the others would get lost. At most one in
 * twenty on either side is left out, but always as many as one.
 */
export function robustExtent(values: readonly number[]): RobustExtent {
  const sorted = values.toSorted((a, b) => a - b)
  const count = sorted.length
  const all = { low: sorted[0]!, high: sorted[count - 1]!, below: [], above: [] }
  if (count < MIN_VALUES) return all
  const quartile = (share: number): number => quantileSorted(sorted, share)!
  const [lower, middle, upper] = [quartile(0.25), quartile(0.5), quartile(0.75)]
  const reach = Math.max(FAR_OUT * (upper - lower), MIN_REACH * Math.abs(middle))
  const most = Math.max(1, Math.floor(MAX_SHARE * count))
  let [first, last] = [0, count - 1]
  while (first < most && sorted[first]! < lower - reach) first++
  while (count - 1 - last < most && sorted[last]! > upper + reach) last--
  const shown = (): number => sorted[last]! - sorted[first]! || ROOM_AROUND_EQUALS * Math.abs(middle)
  while (first > 0 && sorted[first]! - sorted[first - 1]! <= MAX_GAP * shown()) first--
  while (last < count - 1 && sorted[last + 1]! - sorted[last]! <= MAX_GAP * shown()) last++
  return {
    low: sorted[first]!,
    high: sorted[last]!,
    below: sorted.slice(0, first).reverse(),
    above: sorted.slice(last + 1),
  }
}

/**
 * The extent of several series that are drawn over one axis: of each of them as `robustExtent` has it, from the lowest low to
 * the highest high. What lies far out of its own series is shown if another one reaches there.
 */
export function commonExtent(series: readonly (readonly number[])[]): RobustExtent {
  const extents = series.map(robustExtent)
  const [low, high] = [min(extents, (each) => each.low)!, max(extents, (each) => each.high)!]
  const sorted = series.flat().sort((a, b) => a - b)
  return {
    low,
    high,
    below: sorted.filter((value) => value < low).reverse(),
    above: sorted.filter((value) => value > high),
  }
}

/** `2 samples are beyond the axis: 4.20 and 15.1 ms.`; empty without one. */
export function beyondText({ below, above }: RobustExtent, format: (value: number) => string): string {
  const beyond = [...below, ...above]
  if (beyond.length === 0) return ''
  const subject = beyond.length === 1 ? '1 sample is' : `${beyond.length} samples are`
  const [least, most] = [min(beyond)!, max(beyond)!]
  const values =
    beyond.length === 1
      ? format(most)
      : `${format(least)} ${beyond.length === 2 ? 'and' : 'to'} ${format(most)}`
  return `${subject} beyond the axis: ${values} ms.`
}
