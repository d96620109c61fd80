import { describe, expect, it } from 'vitest'
import { summarize } from './statistics.ts'

describe('summarize', () => {
  it('has mean, population sd, median, extremes and 95th percentile', () => {
    // Squares of the distances from 5: 9 1 1 1 0 0 4 16, their mean 4.
    expect(summarize([2, 4, 4, 4, 5, 5, 7, 9])).toEqual({
      meanMs: 5,
      sdMs: 2,
      medianMs: 4.5,
      minMs: 2,
      maxMs: 9,
      p95Ms: expect.closeTo(8.3, 9), // between 7 and 9, on a straight line
    })
    expect(summarize([3])).toEqual({ meanMs: 3, sdMs: 0, medianMs: 3, minMs: 3, maxMs: 3, p95Ms: 3 })
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
