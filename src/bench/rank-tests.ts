// The distributions of the two rank tests if there is no difference: exact if that takes only milliseconds, otherwise
// by the normal distribution that they approach, with continuity correction.
import { quickselect } from 'd3-array'
import { errorFunction } from 'simple-statistics'

/** P(statistic <= rank), for ranks from 0. */
export type Tail = (rank: number) => number

/** Up to this many rounds all sums of signed ranks are counted: 20,000 sums, 200 times. */
const MOST_EXACT_ROUNDS = 200
/** Up to this many pairs all orders of both samples are counted. */
const MOST_EXACT_PAIRS = 2500

/**
 * Wilcoxon's signed-rank statistic: the sum of those of the ranks 1, 2, ..., `rounds` whose sign is positive, with
 * random signs. Source: Wilcoxon 1945.
 */
export function signedRankTail(rounds: number): Tail {
  if (rounds <= MOST_EXACT_ROUNDS) return exactSignedRankTail(rounds)
  const variance = (rounds * (rounds + 1) * (2 * rounds + 1)) / 24
  return normalTail((rounds * (rounds + 1)) / 4, variance)
}

export function exactSignedRankTail(rounds: number): Tail {
  const chances = new Float64Array((rounds * (rounds + 1)) / 2 + 1)
  chances[0] = 1
  for (let rank = 1, most = 1; rank <= rounds; rank++, most += rank) {
    for (let sum = most; sum >= rank; sum--) chances[sum] = (chances[sum]! + chances[sum - rank]!) / 2
    for (let sum = 0; sum < rank; sum++) chances[sum]! /= 2
  }
  return cumulative(chances)
}

/**
 * Mann and Whitney's statistic: the number of pairs of one of m and one of n values in which the first is larger.
 * Source: Mann & Whitney 1947.
 */
export function mannWhitneyTail(m: number, n: number): Tail {
  if (m * n <= MOST_EXACT_PAIRS) return exactMannWhitneyTail(m, n)
  return normalTail((m * n) / 2, (m * n * (m + n + 1)) / 12)
}

export function exactMannWhitneyTail(m: number, n: number): Tail {
  // The largest value of all is one of the first sample, above all b others, or one of the second. `byFirst[a]` is for
  // a and b values.
  const byFirst: Float64Array[] = Array.from({ length: m + 1 }, () => Float64Array.of(1))
  for (let b = 1; b <= n; b++) {
    for (let a = 1; a <= m; a++) {
      const chances = new Float64Array(a * b + 1)
      byFirst[a - 1]!.forEach((chance, pairs) => {
        chances[pairs + b]! += (chance * a) / (a + b)
      })
      byFirst[a]!.forEach((chance, pairs) => {
        chances[pairs]! += (chance * b) / (a + b)
      })
      byFirst[a] = chances
    }
  }
  return cumulative(byFirst[m]!)
}

export function normalTail(mean: number, variance: number): Tail {
  return (rank) => (1 + errorFunction((rank + 0.5 - mean) / Math.sqrt(2 * variance))) / 2
}

function cumulative(chances: Float64Array): Tail {
  for (let i = 1; i < chances.length; i++) chances[i]! += chances[i - 1]!
  return (rank) => chances[Math.min(rank, chances.length - 1)]!
}

/** The largest rank up to `most` at which both tails together have at most `significance`; 0 if there is none. */
export function criticalRank(tail: Tail, most: number, significance: number): number {
  let [low, high] = [0, most]
  while (low < high) {
    const middle = Math.ceil((low + high) / 2)
    if (2 * tail(middle) <= significance) low = middle
    else high = middle - 1
  }
  return low
}

/** The values with these ranks, from 0. Reorders the array. */
export function valuesOfRanks(values: Float64Array, ranks: readonly number[]): number[] {
  return ranks.map((rank) => {
    quickselect(values, rank)
    return values[rank]!
  })
}

/** The median. Reorders the array. */
export function medianByRank(values: Float64Array): number {
  const upper = Math.floor(values.length / 2)
  const [low, high] = valuesOfRanks(values, [values.length % 2 === 1 ? upper : upper - 1, upper])
  return (low! + high!) / 2
}
