import { expect, it } from 'vitest'
import { ThreadChoice } from './few-threads.ts'

/** Makes runs that take as long as `msOn` says; returns the numbers of threads that they used. */
function runs(choice: ThreadChoice, count: number, msOn: (threads: number) => number): number[] {
  return Array.from({ length: count }, () => {
    const threads = choice.next
    choice.add(msOn(threads))
    return threads
  })
}

it('tries fewer threads with small runs, keeps the fastest number, and says how much slower all are', () => {
  const choice = new ThreadChoice(8)
  const msOn = (threads: number) => ({ 1: 0.3, 2: 0.2, 4: 0.25, 8: 0.5 })[threads]!
  expect(new Set(runs(choice, 10, msOn))).toEqual(new Set([8]))
  expect(choice.fewer).toBeNull()
  expect(runs(choice, 36, msOn).slice(0, 8)).toEqual([8, 1, 2, 4, 8, 1, 2, 4])
  expect(choice.fewer).toEqual({ threads: 2, of: 8, slowdownOnAll: expect.closeTo(2.5) })
  expect(runs(choice, 5, msOn)).toEqual([2, 2, 2, 2, 2])
})

it('takes fewer threads unless all of them gain enough', () => {
  const much = new ThreadChoice(2)
  runs(much, 40, (threads) => (threads === 1 ? 0.22 : 0.2))
  expect([much.next, much.fewer]).toEqual([2, null])
  const little = new ThreadChoice(2)
  runs(little, 40, (threads) => (threads === 1 ? 0.205 : 0.2))
  expect([little.next, little.fewer]).toEqual([
    1,
    { threads: 1, of: 2, slowdownOnAll: expect.closeTo(0.2 / 0.205) },
  ])
})

it('tries again later, when the code has become faster, and then no more', () => {
  const choice = new ThreadChoice(2)
  runs(choice, 28, (threads) => (threads === 1 ? 0.9 : 0.5))
  expect(choice.next).toBe(2)
  const later = runs(choice, 2000, (threads) => (threads === 1 ? 0.1 : 0.2))
  expect(choice.fewer).toMatchObject({ threads: 1 })
  expect(later.slice(-900).every((threads) => threads === 1)).toBe(true)
})

it('never tries with runs that are not small, nor with one thread', () => {
  expect(new Set(runs(new ThreadChoice(2), 2000, () => 1.5))).toEqual(new Set([2]))
  expect(new Set(runs(new ThreadChoice(1), 2000, () => 0.1))).toEqual(new Set([1]))
})

it('counts the parts of a training step as one run', () => {
  const choice = new ThreadChoice(2)
  const used: number[] = []
  for (let step = 0; step < 28; step++) {
    for (const isLastPart of [false, false, true]) {
      used.push(choice.next)
      choice.add(choice.next === 1 ? 0.1 : 0.3, isLastPart)
    }
  }
  expect(used.slice(0, 30)).toEqual(new Array(30).fill(2))
  expect(used.slice(30, 42)).toEqual([2, 2, 2, 1, 1, 1, 2, 2, 2, 1, 1, 1])
  expect(choice.fewer).toEqual({ threads: 1, of: 2, slowdownOnAll: expect.closeTo(3) })
})

it('is trying while runs are small and nothing was decided', () => {
  const small = new ThreadChoice(2)
  runs(small, 27, () => 0.2)
  expect(small.isTrying).toBe(true)
  runs(small, 1, () => 0.2)
  expect(small.isTrying).toBe(false)
  const large = new ThreadChoice(2)
  runs(large, 3, () => 9)
  expect(large.isTrying).toBe(false)
  expect(new ThreadChoice(1).isTrying).toBe(false)
})
