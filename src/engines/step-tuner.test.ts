import { describe, expect, it } from 'vitest'
import type { Candidate } from '../kernels/kernel.ts'
import { fastestOf } from './step-tuner.ts'

const candidate = (family: string, tile: string): Candidate => ({ algorithm: 'direct', family, tile })
const [a1, a2, a3] = ['1', '2', '3'].map((tile) => candidate('a', tile)) as [Candidate, Candidate, Candidate]
const [b1, b2, b3] = ['1', '2', '3'].map((tile) => candidate('b', tile)) as [Candidate, Candidate, Candidate]
const all = [a1, a2, a3, b1, b2, b3]

/** Answers consecutive calls with these times, and remembers what it was asked to measure. */
function measured(...answers: readonly ReadonlyMap<Candidate, number>[]) {
  const asked: (readonly Candidate[])[] = []
  const measure = async (candidates: readonly Candidate[]) => {
    const times = answers[asked.length]!
    asked.push(candidates)
    return new Map(candidates.map((each) => [each, times.get(each)!]))
  }
  return { asked, measure }
}

it('looks at the first two of each family, then at the rest of those that are near, beside the best', async () => {
  const { asked, measure } = measured(
    new Map([
      [a1, 10],
      [a2, 11],
      [b1, 20],
      [b2, 30],
    ]),
    new Map([
      [a1, 10],
      [a3, 9],
    ]),
  )
  expect(await fastestOf(all, measure)).toEqual({
    candidate: a3,
    ms: 9,
    rivals: [a3, a2, a1],
    isCutShort: false,
  })
  expect(asked).toEqual([
    [a1, a2, b1, b2],
    [a1, a3],
  ])
})

it('compares no times of different moments: a busy one does not hand the step to a loser of a calm one', async () => {
  const { measure } = measured(
    new Map([
      [a1, 10],
      [a2, 40],
      [b1, 30],
      [b2, 30],
    ]),
    // Something else is running now: the best takes longer than the others did before.
    new Map([
      [a1, 150],
      [a3, 160],
    ]),
  )
  expect(await fastestOf(all, measure)).toEqual({
    candidate: a1,
    ms: 150,
    rivals: [a1, a3],
    isCutShort: false,
  })
})

it('asks once where there is one family', async () => {
  const { asked, measure } = measured(
    new Map([
      [a1, 3],
      [a2, 2],
      [a3, 4],
    ]),
  )
  expect(await fastestOf([a1, a2, a3], measure)).toEqual({
    candidate: a2,
    ms: 2,
    rivals: [a2, a1],
    isCutShort: false,
  })
  expect(asked).toHaveLength(1)
})

it('leaves the second round out if the budget is spent after the first, and says so', async () => {
  const { asked, measure } = measured(
    new Map([
      [a1, 10],
      [a2, 11],
      [b1, 20],
      [b2, 30],
    ]),
  )
  expect(await fastestOf(all, measure, () => true)).toEqual({
    candidate: a1,
    ms: 10,
    rivals: [a1, a2],
    isCutShort: true,
  })
  expect(asked).toEqual([[a1, a2, b1, b2]])
})

it('is not cut short by a spent budget if there is nothing left to measure', async () => {
  const { measure } = measured(
    new Map([
      [a1, 3],
      [a2, 2],
      [a3, 4],
    ]),
  )
  expect(await fastestOf([a1, a2, a3], measure, () => true)).toEqual({
    candidate: a2,
    ms: 2,
    rivals: [a2, a1],
    isCutShort: false,
  })
})

describe('the rivals', () => {
  /** Of two families; the first two of each are measured first, then the third of family a beside the best. */
  const rivalsOf = async (
    first: readonly [number, number, number, number],
    second: readonly [best: number, rest: number],
    isBudgetSpent?: () => boolean,
  ) => {
    const [a1Ms, a2Ms, b1Ms, b2Ms] = first
    const { measure } = measured(
      new Map([
        [a1, a1Ms],
        [a2, a2Ms],
        [b1, b1Ms],
        [b2, b2Ms],
      ]),
      new Map([
        [a1, second[0]],
        [a3, second[1]],
      ]),
    )
    return (await fastestOf(all, measure, isBudgetSpent)).rivals
  }

  it('are in the order of how many times as long they took as the fastest of their own measurement', async () => {
    // In the second round, when the machine is slower, a3 takes longer than all of the first round did.
    expect(await rivalsOf([10, 14, 15, 12], [100, 130])).toEqual([a1, b2, a3, a2, b1])
    expect(await rivalsOf([10, 14, 15, 12], [130, 100])).toEqual([a3, b2, a1, a2, b1])
  })

  it('are none that took far longer, in either round; the fastest is one in any case', async () => {
    expect(await rivalsOf([10, 16, 16.1, 40], [10, 15.9])).toEqual([a1, a3, a2])
    expect(await rivalsOf([10, 16.1, 20, 40], [100, 161])).toEqual([a1])
    expect(await rivalsOf([10, 15, 20, 40], [161, 100])).toEqual([a3, a2])
  })

  it('are those of the first round if the budget is spent after it', async () => {
    const isSpent = () => true
    expect(await rivalsOf([10, 17, 12, 15], [10, 9], isSpent)).toEqual([a1, b1, b2])
  })
})
