// An axis for samples on which a few outliers do not squeeze all others into a line.
import { max, min, quantileSorted } from 'd3-array'

/** What an axis shows, and the values beyond it, on each side from the nearest to the furthest. */
export interface RobustExtent {
  /** Where the axis begins. */
  readonly low: number
  /** Where the axis ends. */
  readonly high: number
  /** Values below `low`. */
  readonly below: readonly number[]
  /** Values above `high`. */
  readonly above: readonly number[]
}

/** With fewer values it is unclear which one is the outlier. */
const MIN_VALUES = 5
/** A value more than this many interquartile ranges from the quartiles is far out (Tukey 1977). */
const FAR_OUT = 3
/** Times that differ by less than this share of the median are alike, however close their quartiles are. */
const MIN_REACH = 0.02
/** The room that an axis has around equal values, as a share of them. */
const ROOM_AROUND_EQUALS = 0.1
/** A wider gap, as a share of what the axis shows, would waste space. */
const MAX_GAP = 0.5
/** More values than this share belong to the distribution and are shown. */
const MAX_SHARE = 0.05

/**
 * The extent of at least one value, without outliers beyond a gap in which the others would disappear. At most one in
 * twenty is left out on either side, or one if there are fewer than twenty.
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
 * The extent of several series over one axis, from the lowest low to the highest high of their `robustExtent`s. An
 * outlier of one series is shown if another series reaches there.
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

/** `2 samples are beyond the axis: 4.20 and 15.1 ms.`; empty if there is none. */
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
