// Two engines over rounds: which one is faster, by how much, and which difference could have gone unnoticed.
import { median } from 'simple-statistics'
import { formatFixed, formatMeasured, formatUpperPercent } from '../digits.ts'
import { criticalRank, medianByRank, signedRankTail, type Tail, valuesOfRanks } from './rank-tests.ts'

/** One engine compared with another, over the rounds in which both took part. */
export interface RoundComparison {
  /** How many times as fast as the other. */
  readonly ratio: number
  /** The 95% interval of the ratio. */
  readonly interval: readonly [number, number]
  /** Two-sided, of Wilcoxon's signed-rank test. */
  readonly pValue: number
  /** A difference of this fraction would have been found in four of five comparisons. */
  readonly detectable: number
  /** `faster` or `slower` than the other, at 5%. */
  readonly verdict: 'faster' | 'slower' | 'no difference found'
}

const SIGNIFICANCE = 0.05

/** The least rounds that a comparison takes: with fewer, not even unanimous ones would be significant at 5%. */
export const MIN_ROUNDS = 6
/**
 * The distance that is found four times out of five, in half widths of the interval, for normal errors:
 * (1.96 + 0.84) / 1.96.
 */
const POWER_FACTOR = 1.43

/**
 * Compares the times of two engines. The unit is the round: consecutive samples depend on each other, and a test over
 * them would find differences that do not exist. For each round the log-ratio of the medians is taken; over rounds
 * Wilcoxon's signed-rank test decides, with its estimate and interval (Hodges & Lehmann 1963), so that slowness in some
 * rounds does not decide. Both arrays contain one array of samples for each round. Throws RangeError for fewer than
 * MIN_ROUNDS, or for different numbers of rounds.
 */
export function compareRounds(
  engine: readonly (readonly number[])[],
  other: readonly (readonly number[])[],
): RoundComparison {
  if (engine.length !== other.length || engine.length < MIN_ROUNDS)
    throw new RangeError(
      `${engine.length} and ${other.length} rounds; a comparison takes ${MIN_ROUNDS} or more of both`,
    )
  const [own, others] = [engine, other].map((rounds) => rounds.map(medianOf)) as [number[], number[]]
  // A time that a coarse clock saw as 0 was shorter than its step.
  const step = smallestPositive([...engine, ...other])
  const logRatios = own.map((ms, round) => Math.log((others[round]! || step) / (ms || step)))
  const averages = walshAverages(logRatios)
  const count = averages.length
  const tail = signedRankTail(logRatios.length)
  const pValue = signedRankPValue(averages, tail)
  // Of the differences that would not be rejected: this many of the lowest and of the highest averages lie outside.
  const outside = criticalRank(tail, count, SIGNIFICANCE)
  const [low, high] = valuesOfRanks(averages, [outside, count - 1 - outside]) as [number, number]
  const estimate = medianByRank(averages)
  const isFound = pValue <= SIGNIFICANCE
  return {
    ratio: Math.exp(estimate),
    interval: [Math.exp(low), Math.exp(high)],
    pValue,
    detectable: Math.exp((POWER_FACTOR * (high - low)) / 2) - 1,
    verdict: !isFound ? 'no difference found' : estimate > 0 ? 'faster' : 'slower',
  }
}

/** A comparison in words: `x64 is 2.31x faster than wasm, 95% interval 2.27 to 2.36`. */
export function verdictText(engine: string, other: string, comparison: RoundComparison): string {
  const { ratio, interval, verdict } = comparison
  if (verdict === 'no difference found') {
    return `${engine} and ${other}: no difference found${unseenText(unseenBy(comparison))}`
  }
  const [from, to] = interval
  const { value, low, high } =
    verdict === 'faster' ? formatMeasured(ratio, interval) : formatMeasured(1 / ratio, [1 / to, 1 / from])
  return `${engine} is ${value}x ${verdict} than ${other}, 95% interval ${low} to ${high}`
}

/** If a larger difference than this could have gone unnoticed, the verdict says little. */
const COARSE = 0.1

/** The largest difference that a comparison without a finding could have missed. */
export interface Unseen {
  /** '222% faster' means different things to different people, so from 100% on the text says how many times as fast. */
  readonly kind: 'percent' | 'times'
  /** `4.2%`, `3.2` */
  readonly text: string
  /** The comparison should be repeated with more rounds or on a quieter machine. */
  readonly isCoarse: boolean
}

/** The largest difference that a comparison could have missed; null if nothing could have gone unnoticed. */
export function unseenBy({ detectable }: Pick<RoundComparison, 'detectable'>): Unseen | null {
  if (detectable === 0) return null
  const isCoarse = detectable > COARSE
  return detectable < 1
    ? { kind: 'percent', text: formatUpperPercent(detectable), isCoarse }
    : { kind: 'times', text: formatFixed(1 + detectable, 1), isCoarse }
}

function unseenText(unseen: Unseen | null): string {
  if (!unseen) return ''
  const { kind, text, isCoarse } = unseen
  const advice = isCoarse ? ': use more rounds, on a quieter machine' : ''
  return kind === 'percent'
    ? `; a difference under ${text} could have gone unnoticed${advice}`
    : `, but one of the two may be up to ${text} times as fast and go unnoticed${advice}`
}

/** 1 if there is none. */
function smallestPositive(rounds: readonly (readonly number[])[]): number {
  let smallest = Number.POSITIVE_INFINITY
  for (const samples of rounds) for (const ms of samples) if (ms > 0 && ms < smallest) smallest = ms
  return Number.isFinite(smallest) ? smallest : 1
}

const medianOf = (values: readonly number[]): number => median([...values])

/** The means of all pairs, including each value with itself; their signs are the signed-rank statistic. */
function walshAverages(values: readonly number[]): Float64Array {
  const averages = new Float64Array((values.length * (values.length + 1)) / 2)
  let at = 0
  values.forEach((a, i) => {
    for (let j = i; j < values.length; j++) averages[at++] = (a + values[j]!) / 2
  })
  return averages
}

/**
 * Two-sided: the probability of this many averages on one side if the sign of each round is random. Zeros count half to
 * each side.
 */
function signedRankPValue(averages: Float64Array, tail: Tail): number {
  let [positive, zeros] = [0, 0]
  for (const average of averages) {
    if (average > 0) positive++
    else if (average === 0) zeros++
  }
  positive += zeros / 2
  return Math.min(1, 2 * tail(Math.floor(Math.min(positive, averages.length - positive))))
}
