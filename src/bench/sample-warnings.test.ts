import { describe, expect, it } from 'vitest'
import { noise } from '../../test/support/noise.ts'
import { sampleWarnings } from './sample-warnings.ts'

/** From -1 to 1. */
const noiseOf = (seed: number) => {
  const { uniform } = noise(seed)
  return () => 2 * uniform() - 1
}
const samplesOf = (change: (i: number) => number, count = 100, seed = 1) => {
  const next = noiseOf(seed)
  return Array.from({ length: count }, (_, i) => 100 * (1 + 0.02 * next()) * change(i))
}
const FINE_CLOCK = 0.001

describe('warnings of samples', () => {
  it('are silent on clean ones, and on noise that goes on from sample to sample', () => {
    const quiet = Array.from({ length: 200 }, (_, i) =>
      sampleWarnings(
        samplesOf(() => 1, 100, i + 1),
        FINE_CLOCK,
      ),
    )
    expect(quiet.flat()).toEqual([])
    const trials = Array.from({ length: 200 }, (_, i) => {
      const next = noiseOf(i + 1)
      let state = 0
      return sampleWarnings(
        samplesOf(() => {
          state = 0.8 * state + 0.01 * next()
          return 1 + state
        }),
        FINE_CLOCK,
      )
    })
    expect(trials.filter((warnings) => warnings.length > 0).length).toBeLessThan(10)
  })

  it.each<[string, (i: number) => number, string]>([
    [
      'a neighbour now and then',
      (i) => (i % 10 === 3 ? 2 : 1),
      '10 of 100 samples are far from the others, up to 2.0 times the median: something else used the machine',
    ],
    ['slow first samples', (i) => (i < 3 ? 1.6 : 1), 'the first samples took 1.5'],
    ['a machine that gets hot', (i) => 1 + 0.002 * i, 'slower during the run: let the machine cool down'],
    ['a late burn-in', (i) => 1.2 - 0.002 * i, 'faster during the run: use more --burn-in'],
  ])('fire on %s', (_, change, warning) => {
    const warnings = sampleWarnings(samplesOf(change), FINE_CLOCK)
    expect(warnings).toHaveLength(1)
    expect(warnings[0]).toContain(warning)
  })

  it('fire on a clock that is too coarse', () => {
    expect(
      sampleWarnings(
        samplesOf(() => 1),
        5,
      ),
    ).toEqual(["the clock's step is 5.0% of a sample: use a larger --batch"])
  })

  it.each<[string, number[]]>([
    ['all of them', Array(100).fill(0)],
    ['most of them', Array.from({ length: 100 }, (_, i) => (i % 10 === 0 ? 5 : 0))],
    ['the first ones', Array.from({ length: 100 }, (_, i) => (i < 45 ? 0 : 5))],
    ['the last ones', Array.from({ length: 100 }, (_, i) => (i < 55 ? 5 : 0))],
  ])('have no ratio to a time that a coarse clock did not see: %s', (_, samples) => {
    const warnings = sampleWarnings(samples, 5)
    expect(warnings.at(-1)).toMatch(/clock/)
    expect(warnings.join('\n')).not.toMatch(/NaN|Infinity|-%/)
  })

  it('take hundreds of thousands of samples', () => {
    const noise = (i: number) => ((i * 7919) % 997) / 1e4
    const samples = Array.from({ length: 320_000 }, (_, i) => (i % 5 < 3 ? 100 : 300) + noise(i))
    expect(sampleWarnings(samples, FINE_CLOCK)).toEqual([
      expect.stringContaining('128000 of 320000 samples are far from the others, up to 3.0 times the median'),
    ])
  })
})

it.each([
  ['8 pairs of stretches in the other order', [3, 2, 1, 0, 4, 6, 5, 8, 7, 9], true],
  ['9', [3, 2, 1, 0, 5, 4, 7, 6, 9, 8], false],
  ['all but 8, the other way', [9, 7, 8, 5, 6, 4, 0, 1, 2, 3], true],
  ['all but 9', [8, 9, 6, 7, 4, 5, 0, 1, 2, 3], false],
])('a trend is what chance makes in one of a hundred runs at most: %s', (_, ranks, isTrend) => {
  const samples = ranks.flatMap((rank) => [100 + rank, 100 + rank, 100 + rank])
  const warnings = sampleWarnings(samples, FINE_CLOCK).filter((text) => text.startsWith('samples became'))
  expect(warnings).toHaveLength(isTrend ? 1 : 0)
})
