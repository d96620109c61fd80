import { expect, it } from 'vitest'
import { noise } from '../../test/support/noise.ts'
import { compareRounds, unseenBy, verdictText } from './compare-rounds.ts'

const ROUNDS = 10
const SAMPLES = 10
const TRIALS = 1000
/** A test at 5% exceeds this only once in 10,000 series of 1,000 trials. */
const MOST_FALSE_ALARMS = 77

type Noise = (random: ReturnType<typeof noise>) => () => number

/** Samples of two engines that take turns on one machine, whose state continues from turn to turn. */
function trial(seed: number, slowdown: number, kind: Noise) {
  const random = noise(seed)
  const next = kind(random)
  const [a, b]: [number[][], number[][]] = [[], []]
  for (let round = 0; round < ROUNDS; round++) {
    const turns = [
      () => a.push(Array.from({ length: SAMPLES }, () => 10 * next())),
      () => b.push(Array.from({ length: SAMPLES }, () => 10 * slowdown * next())),
    ]
    if (random.uniform() < 0.5) turns.reverse()
    for (const turn of turns) turn()
  }
  return compareRounds(a, b)
}

const independent: Noise = (random) => () => Math.exp(0.03 * random.normal())
const autoregressive: Noise = (random) => {
  let state = 0
  return () => {
    state = 0.8 * state + 0.03 * random.normal()
    return Math.exp(state)
  }
}
/** Now and then a neighbour takes half of the machine for some time. */
const spells: Noise = (random) => {
  let left = 0
  return () => {
    if (left > 0) left--
    else if (random.uniform() < 0.02) left = 5 + Math.floor(20 * random.uniform())
    return (left > 0 ? 2 : 1) * Math.exp(0.01 * random.normal())
  }
}

it.each([
  ['independent noise', independent],
  ['noise that goes on (AR(1), 0.8)', autoregressive],
  ['spells of slowness', spells],
] as const)('finds no difference between equals in 95 of 100 trials: %s', (_, kind) => {
  const alarms = Array.from({ length: TRIALS }, (_, i) => trial(i + 1, 1, kind)).filter(
    ({ verdict }) => verdict !== 'no difference found',
  )
  expect(alarms.length).toBeLessThanOrEqual(MOST_FALSE_ALARMS)
})

it('misses a slowdown of 10% in at most 5 of 100 trials, and its interval has the truth in it in 95', () => {
  const found = Array.from({ length: TRIALS }, (_, i) => trial(i + 1, 1.1, independent))
  expect(found.filter(({ verdict }) => verdict !== 'faster').length).toBeLessThanOrEqual(50)
  const covered = found.filter(({ interval: [low, high] }) => low <= 1.1 && 1.1 <= high)
  expect(covered.length).toBeGreaterThanOrEqual(TRIALS - MOST_FALSE_ALARMS)
})

it('is the signed-rank test: exact, and reversed where the engines are', () => {
  const rounds = (values: readonly number[]) => values.map((value) => [value])
  const a = rounds([10, 10, 10, 10, 10, 10])
  const b = rounds([11, 12, 13, 14, 15, 16])
  const comparison = compareRounds(a, b)
  expect(comparison).toMatchObject({ pValue: 2 / 64, verdict: 'faster' })
  expect(comparison.interval[0]).toBeCloseTo(1.1, 10)
  expect(comparison.interval[1]).toBeCloseTo(1.6, 10)
  const reversed = compareRounds(b, a)
  expect(reversed.verdict).toBe('slower')
  expect(reversed.ratio).toBeCloseTo(1 / comparison.ratio, 10)
  expect(compareRounds(a, a)).toMatchObject({ ratio: 1, pValue: 1, verdict: 'no difference found' })
  expect(() => compareRounds(a.slice(1), b.slice(1))).toThrow('a comparison takes 6 or more')
})

/** One sample a round, against an engine that takes 1 ms in each. */
const against = (...others: number[]) =>
  compareRounds(
    others.map(() => [1]),
    others.map((ms) => [ms]),
  )

it('is the median of the means of all pairs of log-ratios, each with itself too', () => {
  const others = [2, 3, 5, 7, 11, 13]
  const means = others.flatMap((a, i) => others.slice(i).map((b) => Math.sqrt(a * b))).sort((a, b) => a - b)
  expect(means).toHaveLength(21)
  const { ratio, interval, detectable } = against(...others)
  expect(ratio).toBeCloseTo(means[10]!, 10)
  // With six rounds only a rank sum of 0 is rare enough: P = 2/64; up to 1 it is 4/64
  expect(interval).toEqual([expect.closeTo(2, 10), expect.closeTo(13, 10)])
  expect(detectable).toBeCloseTo((13 / 2) ** (1.43 / 2) - 1, 10)
})

it('leaves out what is in neither tail of the rank test: of ten rounds eight means at each end', () => {
  const others = Array.from({ length: 10 }, (_, i) => Math.exp(i + i ** 2 / 100))
  const logs = others.map(Math.log)
  const means = logs.flatMap((a, i) => logs.slice(i).map((b) => (a + b) / 2)).sort((a, b) => a - b)
  const { interval } = against(...others)
  expect(interval.map(Math.log)).toEqual([expect.closeTo(means[8]!, 10), expect.closeTo(means[46]!, 10)])
})

it('gives half of the rounds without a difference to each side', () => {
  // 15 of 21 means are over 0, and 6 are 0, of which 3 count for the other side. Of 64 combinations of signs, 5 have a
  // rank sum up to 3.
  expect(against(1, 1, 1, 2, 2, 2)).toMatchObject({
    pValue: (2 * 5) / 64,
    verdict: 'no difference found',
  })
  expect(compareRounds([[2], [2], [2], [1], [1], [1]], [[1], [1], [1], [1], [1], [1]]).pValue).toBe(10 / 64)
})

it('refuses engines that had not the same rounds', () => {
  const rounds = (count: number) => Array.from({ length: count }, () => [1])
  expect(() => compareRounds(rounds(6), rounds(7))).toThrow(RangeError)
  expect(() => compareRounds(rounds(5), rounds(5))).toThrow(RangeError)
  expect(compareRounds(rounds(6), rounds(6)).ratio).toBe(1)
})

it('says its verdict in words, with the digits that the interval carries', () => {
  const comparison = { ratio: 2.3123, interval: [2.27, 2.36], pValue: 0.002, detectable: 0.02 } as const
  expect(verdictText('x64', 'wasm', { ...comparison, verdict: 'faster' })).toBe(
    'x64 is 2.31x faster than wasm, 95% interval 2.27 to 2.36',
  )
  const slower = { ...comparison, ratio: 1 / 2.3123, interval: [1 / 2.36, 1 / 2.27] } as const
  expect(verdictText('x64', 'wasm', { ...slower, verdict: 'slower' })).toBe(
    'x64 is 2.31x slower than wasm, 95% interval 2.27 to 2.36',
  )
  expect(verdictText('x64', 'wasm', { ...comparison, verdict: 'no difference found' })).toBe(
    'x64 and wasm: no difference found; a difference under 2% could have gone unnoticed',
  )
})

it.each([
  [0, 'a and b: no difference found'],
  [
    0.21,
    'a and b: no difference found; a difference under 21% could have gone unnoticed: use more rounds, on a quieter machine',
  ],
  [
    2.22,
    'a and b: no difference found, but one of the two may be up to 3.2 times as fast and go unnoticed: use more rounds, on a quieter machine',
  ],
])('says what a comparison that finds nothing could not have found: %f', (detectable, text) => {
  const comparison = {
    ratio: 1,
    interval: [0.9, 1.1],
    pValue: 1,
    detectable,
    verdict: 'no difference found',
  } as const
  expect(verdictText('a', 'b', comparison)).toBe(text)
})

it.each([
  [0, null],
  [0.1, { kind: 'percent', text: '10%', isCoarse: false }],
  [0.11, { kind: 'percent', text: '11%', isCoarse: true }],
  [0.99, { kind: 'percent', text: '99%', isCoarse: true }],
  [1, { kind: 'times', text: '2.0', isCoarse: true }],
])('what could have gone unnoticed is percent up to twice as fast: %f', (detectable, unseen) => {
  expect(unseenBy({ detectable })).toEqual(unseen)
})

it('a coarse clock that saw no time makes no ratio that is not a number', () => {
  const still = Array.from({ length: 6 }, () => [0, 0])
  const ticking = Array.from({ length: 6 }, () => [0, 5, 10])
  expect(compareRounds(still, still)).toMatchObject({ ratio: 1, interval: [1, 1], detectable: 0 })
  expect(compareRounds(still, ticking)).toMatchObject({ ratio: 1, verdict: 'no difference found' })
  // An engine that took less than the clock's step of 5 is reported as at most twice as fast as one that took 10
  const slower = Array.from({ length: 6 }, () => [5, 10, 10])
  const found = compareRounds(still, slower)
  expect(found.verdict).toBe('faster')
  expect(found.ratio).toBeCloseTo(2, 10)
  expect(compareRounds(slower, still).ratio).toBeCloseTo(1 / 2, 10)
  const slow = Array.from({ length: 6 }, () => [10, 10])
  expect(compareRounds(still, slow)).toMatchObject({ verdict: 'no difference found' })
})
