import { describe, expect, it } from 'vitest'
import { compareRounds } from './compare-rounds.ts'
import {
  criticalRank,
  exactMannWhitneyTail,
  exactSignedRankTail,
  mannWhitneyTail,
  medianByRank,
  normalTail,
  signedRankTail,
  valuesOfRanks,
} from './rank-tests.ts'

describe("Wilcoxon's signed-rank statistic", () => {
  it('is counted over all signs', () => {
    const rounds = 9
    const tail = signedRankTail(rounds)
    const counts = new Array<number>(46).fill(0)
    for (let signs = 0; signs < 2 ** rounds; signs++) {
      let sum = 0
      for (let rank = 1; rank <= rounds; rank++) if (signs & (1 << (rank - 1))) sum += rank
      counts[sum]!++
    }
    let below = 0
    counts.forEach((count, rank) => {
      below += count
      expect(tail(rank)).toBeCloseTo(below / 2 ** rounds, 14)
    })
  })

  // Wilcoxon & Wilcox 1964, two-sided, 5%
  it.each([
    [6, 0],
    [10, 8],
    [25, 89],
    [50, 434],
  ])('has the critical value of the tables: %i rounds, %i', (rounds, rank) => {
    expect(criticalRank(signedRankTail(rounds), (rounds * (rounds + 1)) / 2, 0.05)).toBe(rank)
  })

  it('goes on without a step where it is no longer counted', () => {
    const [rounds, mean] = [200, (200 * 201) / 4]
    const counted = exactSignedRankTail(rounds)
    const normal = normalTail(mean, (200 * 201 * 401) / 24)
    for (let rank = 0; rank <= 2 * mean; rank += 50)
      expect(Math.abs(counted(rank) - normal(rank))).toBeLessThan(1e-3)
  })
})

describe("Mann and Whitney's statistic", () => {
  it('is counted over all orders', () => {
    const [m, n] = [4, 6]
    const counts = new Array<number>(m * n + 1).fill(0)
    for (let order = 0; order < 2 ** (m + n); order++) {
      const isFirst = Array.from({ length: m + n }, (_, i) => (order >> i) & 1)
      if (isFirst.filter(Boolean).length !== m) continue
      let [pairs, others] = [0, 0]
      for (const first of isFirst) {
        if (first) pairs += others
        else others++
      }
      counts[pairs]!++
    }
    const tail = mannWhitneyTail(m, n)
    let below = 0
    counts.forEach((count, rank) => {
      below += count
      expect(tail(rank)).toBeCloseTo(below / 210, 14)
    })
  })

  // Mann & Whitney's tables, two-sided, 5%
  it.each([
    [8, 8, 13],
    [10, 10, 23],
    [20, 20, 127],
    [8, 15, 29],
  ])('has the critical value of the tables: %i and %i values, %i', (m, n, rank) => {
    expect(criticalRank(mannWhitneyTail(m, n), m * n, 0.05)).toBe(rank)
  })

  it('goes on without a step where it is no longer counted', () => {
    const [m, n] = [50, 50]
    const counted = exactMannWhitneyTail(m, n)
    const normal = normalTail((m * n) / 2, (m * n * (m + n + 1)) / 12)
    for (let rank = 0; rank <= m * n; rank += 25)
      expect(Math.abs(counted(rank) - normal(rank))).toBeLessThan(1e-3)
  })
})

describe('a tail', () => {
  it('is counted up to 200 rounds and 2,500 pairs, and the normal distribution from there on', () => {
    expect(signedRankTail(200)(9000)).toBe(exactSignedRankTail(200)(9000))
    expect(mannWhitneyTail(50, 50)(1100)).toBe(exactMannWhitneyTail(50, 50)(1100))
    // Means and variances of Wilcoxon 1945 and of Mann & Whitney 1947
    const [signed, ranked] = [signedRankTail(201), mannWhitneyTail(50, 51)]
    const [signedNormal, rankedNormal] = [normalTail(10_150.5, 681_775.25), normalTail(1275, 21_675)]
    for (const share of [0.7, 0.85, 1, 1.2]) {
      const [sum, pairs] = [Math.round(10_150.5 * share), Math.round(1275 * share)]
      expect(signed(sum)).toBe(signedNormal(sum))
      expect(Math.abs(signed(sum) - exactSignedRankTail(201)(sum))).toBeLessThan(1e-3)
      expect(ranked(pairs)).toBe(rankedNormal(pairs))
      expect(Math.abs(ranked(pairs) - exactMannWhitneyTail(50, 51)(pairs))).toBeLessThan(1e-3)
    }
  })

  it('is 1 from the largest rank on', () => {
    for (const tail of [signedRankTail(6), mannWhitneyTail(3, 7)])
      for (const rank of [21, 22, 23, 1000]) expect(tail(rank)).toBeCloseTo(1, 14)
  })

  it('is critical up to what both have together, and that included', () => {
    const tail = (rank: number) => (rank + 1) / 8
    expect(criticalRank(tail, 7, 0.5)).toBe(1)
    expect(criticalRank(tail, 7, 0.49)).toBe(0)
    expect(criticalRank(tail, 7, 0.75)).toBe(2)
  })
})

it('compares a thousand rounds, whose test in full would take hours', () => {
  const rounds = (factor: number) =>
    Array.from({ length: 1000 }, (_, i) => [factor * (100 + ((i * 7919) % 101) / 10)])
  const { ratio, interval, verdict } = compareRounds(rounds(1), rounds(1.02).toReversed())
  expect(verdict).toBe('faster')
  expect(ratio).toBeCloseTo(1.02, 2)
  expect(interval[0]).toBeGreaterThan(1.01)
  expect(interval[1]).toBeLessThan(1.03)
})

it('finds values by their rank, and the median of both kinds of counts', () => {
  const values = Float64Array.of(5, 1, 4, 2, 3)
  expect(valuesOfRanks(values, [0, 4, 2])).toEqual([1, 5, 3])
  expect(medianByRank(values)).toBe(3)
  expect(medianByRank(Float64Array.of(4, 1, 3, 2))).toBe(2.5)
})
