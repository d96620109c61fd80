import { expect, it } from 'vitest'
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
  expect(await fastestOf(all, measure)).toEqual({ candidate: a3, ms: 9, isCutShort: false })
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
  expect(await fastestOf(all, measure)).toEqual({ candidate: a1, ms: 150, isCutShort: false })
})

it('asks once where there is one family', async () => {
  const { asked, measure } = measured(
    new Map([
      [a1, 3],
      [a2, 2],
      [a3, 4],
    ]),
  )
  expect(await fastestOf([a1, a2, a3], measure)).toEqual({ candidate: a2, ms: 2, isCutShort: false })
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
  expect(await fastestOf(all, measure, () => true)).toEqual({ candidate: a1, ms: 10, isCutShort: true })
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
    isCutShort: false,
  })
})
