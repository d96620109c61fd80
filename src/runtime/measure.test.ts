import { describe, expect, it } from 'vitest'
import { lowestTimes, stageTime } from './measure.ts'

it('the time of a stage: a single task keeps the other threads waiting', () => {
  expect(stageTime([{ tasks: 1, taskMs: 6 }], 2)).toBe(6)
  expect(
    stageTime(
      [
        { tasks: 1, taskMs: 6 },
        { tasks: 1, taskMs: 0.5 },
      ],
      2,
    ),
  ).toBe(6)
})

it('the time of a stage: shared evenly where tasks are many', () => {
  expect(stageTime([{ tasks: 100, taskMs: 1 }], 2)).toBe(50)
  expect(stageTime([{ tasks: 3, taskMs: 1 }], 2)).toBe(2)
  expect(
    stageTime(
      [
        { tasks: 3, taskMs: 1 },
        { tasks: 3, taskMs: 1 },
      ],
      2,
    ),
  ).toBe(3)
  expect(stageTime([{ tasks: 7, taskMs: 2 }], 1)).toBe(14)
})

/** A script of samples: how long each candidate takes, and by how much its successive samples are longer. */
function scripted(candidates: readonly { readonly ms: number; readonly hits?: readonly number[] }[]) {
  const taken = candidates.map(() => 0)
  const sample = (candidate: number): number => {
    const { ms, hits = [] } = candidates[candidate]!
    return ms + (hits[taken[candidate]!++] ?? 0)
  }
  return { taken, sample }
}

describe('the lowest times', () => {
  it('are found where most samples of the best were hit by something else', () => {
    for (const hits of [
      [5, 7, 12],
      [0, 9, 4],
      [20, 3, 11, 6],
      [8, 0, 0],
    ]) {
      const { sample } = scripted([{ ms: 1.05 }, { ms: 0.07, hits }, { ms: 1.1 }])
      expect(lowestTimes(3, sample)).toEqual([1.05, 0.07, 1.1])
    }
  })

  it('take no samples more where all agree', () => {
    const { taken, sample } = scripted([{ ms: 1 }, { ms: 2 }, { ms: 3 }])
    expect(lowestTimes(3, sample)).toEqual([1, 2, 3])
    expect(taken).toEqual([3, 3, 3])
  })

  it('take more samples of those alone that do not, and only so many', () => {
    const { taken, sample } = scripted([{ ms: 1 }, { ms: 2, hits: [4, 9, 30, 1.9] }, { ms: 5 }])
    expect(lowestTimes(3, sample)).toEqual([1, 2, 5])
    expect(taken[1]).toBeGreaterThan(taken[0]!)
    let last = 1e6
    const neverTwice = () => {
      last /= 1.26
      return last
    }
    expect(Number.isFinite(lowestTimes(1, neverTwice)[0])).toBe(true)
  })

  it('of the best come from a run-off', () => {
    const { taken, sample } = scripted([{ ms: 1.1 }, { ms: 1, hits: [0.2, 0.2, 0.2, 0.2] }, { ms: 5 }])
    expect(lowestTimes(3, sample)).toEqual([1.1, 1, 5])
    expect(taken).toEqual([7, 7, 3])
  })

  describe('if they are preliminary', () => {
    const preliminary = (...[candidates, sample]: Parameters<typeof lowestTimes>) =>
      lowestTimes(candidates, sample, true)

    it('take the first sample and one round', () => {
      const { taken, sample } = scripted([{ ms: 1 }, { ms: 2 }, { ms: 3 }])
      expect(preliminary(3, sample)).toEqual([1, 2, 3])
      expect(taken).toEqual([2, 2, 2])
    })

    it('take another round while code still becomes faster', () => {
      const { taken, sample } = scripted([{ ms: 1 }, { ms: 2, hits: [4, 2, 0] }])
      expect(preliminary(2, sample)).toEqual([1, 2])
      expect(taken).toEqual([4, 4]) // 6, 4 and 2 ms, then the round that shows it has settled
    })

    it('have neither a run-off nor a second sample near the lowest', () => {
      const near = scripted([{ ms: 1.1 }, { ms: 1, hits: [0.2, 0.2, 0] }, { ms: 5 }])
      expect(preliminary(3, near.sample)).toEqual([1.1, 1.2, 5])
      expect(near.taken).toEqual([2, 2, 2])
      const unconfirmed = scripted([{ ms: 1, hits: [0, 9] }, { ms: 5 }])
      expect(preliminary(2, unconfirmed.sample)).toEqual([1, 5])
      expect(unconfirmed.taken).toEqual([2, 2])
    })
  })
})
