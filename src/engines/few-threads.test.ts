import { expect, it } from 'vitest'
import { CALLING_THREAD } from '../runtime/executor.ts'
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
  const msOn = (threads: number) => ({ [CALLING_THREAD]: 0.4, 1: 0.3, 2: 0.2, 4: 0.25, 8: 0.5 })[threads]!
  expect(new Set(runs(choice, 10, msOn))).toEqual(new Set([8]))
  expect(choice.fewer).toBeNull()
  expect(runs(choice, 45, msOn).slice(0, 10)).toEqual([8, 1, 2, 4, 0, 8, 1, 2, 4, 0])
  expect(choice.fewer).toEqual({
    threads: 2,
    of: 8,
    isCallingThread: false,
    slowdownOnAll: expect.closeTo(2.5),
  })
  expect(runs(choice, 5, msOn)).toEqual([2, 2, 2, 2, 2])
})

it('takes fewer threads unless all of them gain enough', () => {
  const much = new ThreadChoice(2)
  runs(much, 40, (threads) => (threads === 2 ? 0.2 : 0.22))
  expect([much.next, much.fewer]).toEqual([2, null])
  const little = new ThreadChoice(2)
  runs(little, 40, (threads) => (threads === 2 ? 0.2 : 0.205))
  expect([little.next, little.fewer]).toEqual([
    1,
    { threads: 1, of: 2, isCallingThread: false, slowdownOnAll: expect.closeTo(0.2 / 0.205) },
  ])
})

it('tries again later, when the code has become faster, and then no more', () => {
  const choice = new ThreadChoice(2)
  runs(choice, 37, (threads) => (threads === 2 ? 0.5 : 0.9))
  expect(choice.next).toBe(2)
  const later = runs(choice, 2000, (threads) => ({ 0: 0.3, 1: 0.1, 2: 0.2 })[threads]!)
  expect(choice.fewer).toMatchObject({ threads: 1 })
  expect(later.slice(-900).every((threads) => threads === 1)).toBe(true)
})

it('never tries with runs that are not small, nor where there is no choice', () => {
  expect(new Set(runs(new ThreadChoice(2), 2000, () => 1.5))).toEqual(new Set([2]))
  expect(new Set(runs(new ThreadChoice(1, false), 2000, () => 0.1))).toEqual(new Set([1]))
})

it('counts the parts of a training step as one run', () => {
  const choice = new ThreadChoice(2)
  const used: number[] = []
  for (let step = 0; step < 37; step++) {
    for (const isLastPart of [false, false, true]) {
      used.push(choice.next)
      choice.add({ 0: 0.4, 1: 0.1, 2: 0.3 }[choice.next]!, isLastPart)
    }
  }
  expect(used.slice(0, 30)).toEqual(new Array(30).fill(2))
  expect(used.slice(30, 42)).toEqual([2, 2, 2, 1, 1, 1, 0, 0, 0, 2, 2, 2])
  expect(choice.fewer).toMatchObject({ threads: 1, of: 2, slowdownOnAll: expect.closeTo(3) })
})

it('is trying while runs are small and nothing was decided', () => {
  const small = new ThreadChoice(2)
  runs(small, 36, () => 0.2)
  expect(small.isTrying).toBe(true)
  runs(small, 1, () => 0.2)
  expect(small.isTrying).toBe(false)
  const large = new ThreadChoice(2)
  runs(large, 3, () => 9)
  expect(large.isTrying).toBe(false)
  expect(new ThreadChoice(1).isTrying).toBe(false)
})

it.each([
  ['is much faster', 0.1, true],
  ['is hardly faster', 0.196, false],
  ['would compute for long', 0.6, false],
])('computes on the calling thread only if that %s', (_, ms, isTaken) => {
  const choice = new ThreadChoice(2)
  const others = ms > 0.5 ? 0.9 : 0.2
  runs(choice, 37, (threads) => (threads === CALLING_THREAD ? ms : others + (threads === 1 ? 0.09 : 0)))
  expect(choice.next).toBe(isTaken ? CALLING_THREAD : 2)
  const taken = { threads: 1, of: 2, isCallingThread: true, slowdownOnAll: expect.closeTo(2) }
  expect(choice.fewer).toEqual(isTaken ? taken : null)
})

it('lets the calling thread compute instead of the only thread too', () => {
  const choice = new ThreadChoice(1)
  runs(choice, 28, (threads) => (threads === CALLING_THREAD ? 0.1 : 0.15))
  expect(choice.fewer).toEqual({
    threads: 1,
    of: 1,
    isCallingThread: true,
    slowdownOnAll: expect.closeTo(1.5),
  })
})
