import { mean } from 'simple-statistics'
import { describe, expect, it } from 'vitest'
import { noise } from '../../test/support/noise.ts'
import { autocorrelation, blockBootstrapInterval, summarize } from './statistics.ts'

describe('summarize', () => {
  it('has mean, population sd, median, extremes and 95th percentile', () => {
    // Squares of the distances from 5: 9 1 1 1 0 0 4 16; their mean is 4.
    expect(summarize([2, 4, 4, 4, 5, 5, 7, 9])).toEqual({
      meanMs: 5,
      sdMs: 2,
      medianMs: 4.5,
      minMs: 2,
      maxMs: 9,
      p95Ms: expect.closeTo(8.3, 9), // between 7 and 9, by linear interpolation
      sampleSdMs: expect.closeTo(Math.sqrt(32 / 7), 9),
      madMs: 0.5,
      meanIntervalMs: expect.anything(),
      medianIntervalMs: expect.anything(),
    })
    expect(summarize([3])).toEqual({
      meanMs: 3,
      sdMs: 0,
      medianMs: 3,
      minMs: 3,
      maxMs: 3,
      p95Ms: 3,
      madMs: 0,
    })
  })

  it('keeps a small sd of large samples', () => {
    const { sdMs } = summarize([1e9, 1e9 + 1, 1e9 + 2])
    expect(sdMs).toBeCloseTo(Math.sqrt(2 / 3), 9)
  })

  it('leaves the samples in their order', () => {
    const samples = [3, 1, 2]
    summarize(samples)
    expect(samples).toEqual([3, 1, 2])
  })
})

describe('blockBootstrapInterval', () => {
  const samples = (seed: number, rho: number) => {
    const next = noise(seed).normal
    let state = 0
    for (let i = 0; i < 50; i++) state = rho * state + next() // until it no longer depends on its start
    return Array.from({ length: 100 }, () => {
      state = rho * state + next()
      return 100 + state
    })
  }
  const covered = (rho: number) =>
    Array.from({ length: 300 }, (_, i) => blockBootstrapInterval(samples(i + 1, rho), mean)).filter(
      ([low, high]) => low <= 100 && 100 <= high,
    ).length / 300

  it('has the truth in it in 95 of 100 trials, and in 3 of 4 where samples depend on each other', () => {
    expect(covered(0)).toBeGreaterThan(0.9)
    // 100 samples that depend on each other that much are worth 11: there are few blocks, and the interval is too
    // narrow.
    expect(covered(0.8)).toBeGreaterThan(0.75)
  })

  it('is right for many samples, without resampling all of them', () => {
    const next = noise(3).normal
    const many = Array.from({ length: 40_000 }, () => 100 + next())
    let most = 0
    const [low, high] = blockBootstrapInterval(many, (values) => {
      if (values.length < many.length) most = Math.max(most, values.length)
      return mean(values)
    })
    const halfWidth = 1.96 / Math.sqrt(many.length)
    expect((high - low) / 2).toBeGreaterThan(0.9 * halfWidth)
    expect((high - low) / 2).toBeLessThan(1.1 * halfWidth)
    expect((low + high) / 2).toBeCloseTo(mean(many), 2)
    expect(most).toBeLessThanOrEqual(5000)
  })

  it('is wider for samples that depend on each other, and the same for the same samples', () => {
    const [independent, dependent] = [samples(1, 0), samples(1, 0.8)]
    expect(autocorrelation(dependent)).toBeGreaterThan(0.5)
    expect(Math.abs(autocorrelation(independent))).toBeLessThan(0.3)
    const shuffled = dependent.map((_, i) => dependent[(37 * i) % 100]!)
    const widthOf = ([low, high]: readonly [number, number]) => high - low
    const interval = blockBootstrapInterval(dependent, mean)
    expect(widthOf(interval)).toBeGreaterThan(1.5 * widthOf(blockBootstrapInterval(shuffled, mean)))
    expect(blockBootstrapInterval(dependent, mean)).toEqual(interval)
  })
})
