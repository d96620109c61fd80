// Two engines over rounds: which one is faster, by how much, and what could have gone unnoticed.
import { median } from 'simple-statistics'
import { formatFixed, formatMeasured, formatUpperPercent } from '../digits.ts'
import { criticalRank, medianByRank, signedRankTail, type Tail, valuesOfRanks } from './rank-tests.ts'

/** One engine beside another, over the rounds in which both had their turns. */
export interface RoundComparison {
  /** How many times as fast as the other. */
  readonly ratio: number
  /** Of the ratio, 95%. */
  readonly interval: readonly [number, number]
  readonly pValue: number
  /** A difference of this fraction would have been found in four of five comparisons. */
  readonly detectable: number
  readonly verdict: 'faster' | 'slower' | 'no difference found'
}

const SIGNIFICANCE = 0.05
/** With fewer, not even rounds that all agree would be a finding at 5%. */
export const MIN_ROUNDS = 6
/** Distance that is found four times of five, over an interval's half width, of normal errors: (1.96 + 0.84) / 1.96. */
const POWER_FACTOR = 1.43

/**
 * The unit is the round: samples in a row depend on each other, and a test over them would find differences that are not
 * there. Of each round the log-ratio of the medians; over rounds Wilcoxon's signed-rank test and the estimate and interval
 * that belong to it (Hodges & Lehmann 1963), so that a spell of slowness in some rounds does not decide.
 * Arrays have one array of samples a round. Throws RangeError for fewer than MIN_ROUNDS, or rounds that do not match.
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
  // What a coarse clock saw as no time took less than its step.
  const step = smallestPositive([...engine, ...other])
  const logRatios = own.map((ms, round) => Math.log((others[round]! || step) / (ms || step)))
  const averages = walshAverages(logRatios)
  const count = averages.length
  const tail = signedRankTail(logRatios.length)
  const pValue = signedRankPValue(averages, tail)
  // Of the differences that would not be rejected: so many of the lowest and of the highest averages lie outside.
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

/** `x64 is 2.31x faster than wasm, 95% interval 2.27 to 2.36` */
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

/** Above it what could have gone unnoticed is too much for a verdict to be worth much. */
const COARSE = 0.1

/** What a comparison that found nothing could not have found. */
export interface Unseen {
  /** '222% faster' is read as 122% by some, and as 222% by others: from 100% on it is how many times as fast. */
  readonly kind: 'percent' | 'times'
  /** `4.2%`, `3.2` */
  readonly text: string
  /** The comparison should be made again, with more rounds or on a quieter machine. */
  readonly isCoarse: boolean
}

/** Null if nothing could have gone unnoticed. */
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
  const advice = isCoarse ? ': take more rounds, on a quieter machine' : ''
  return kind === 'percent'
    ? `; a difference under ${text} could have gone unnoticed${advice}`
    : `, but one of the two may be up to ${text} times as fast and go unnoticed${advice}`
}

/** 1 where there is none. */
function smallestPositive(rounds: readonly (readonly number[])[]): number {
  let smallest = Number.POSITIVE_INFINITY
  for (const samples of rounds) for (const ms of samples) if (ms > 0 && ms < smallest) smallest = ms
  return Number.isFinite(smallest) ? smallest : 1
}

const medianOf = (values: readonly number[]): number => median([...values])

/** The means of all pairs, each with itself too: their signs are the signed-rank statistic. */
function walshAverages(values: readonly number[]): Float64Array {
  const averages = new Float64Array((values.length * (values.length + 1)) / 2)
  let at = 0
  values.forEach((a, i) => {
    for (let j = i; j < values.length; j++) averages[at++] = (a + values[j]!) / 2
  })
  return averages
}

/** Two-sided: how likely so many averages on one side are, if each round's sign is a coin's. Zeros count half to each side. */
function signedRankPValue(averages: Float64Array, tail: Tail): number {
  let [positive, zeros] = [0, 0]
  for (const average of averages) {
    if (average > 0) positive++
    else if (average === 0) zeros++
  }
  positive += zeros / 2
  return Math.min(1, 2 * tail(Math.floor(Math.min(positive, averages.length - positive))))
}
