import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import type { Executor } from '../runtime/executor.ts'
import { chooseThreads } from './few-threads.ts'

let nowMs = 0
beforeEach(() => {
  nowMs = 0
  vi.spyOn(performance, 'now').mockImplementation(() => nowMs)
})
afterEach(() => vi.restoreAllMocks())

/** An executor whose runs take as long as `msOn` says for the number of threads; it remembers all numbers. */
function fakeExecutor(msOn: (threads: number) => number) {
  const ran: number[] = []
  let threads = Number.NaN
  const executor = {
    run: async (first: number, end: number) => {
      expect([first, end]).toEqual([3, 7])
      ran.push(threads)
      nowMs += msOn(threads)
    },
    useThreads: (count: number) => {
      threads = count
    },
  } as unknown as Executor
  return { executor, ran, inUse: () => threads }
}
const range = { first: 3, end: 7 }

it('takes the number of threads on which a small run is fastest, and says how much slower all are', async () => {
  const { executor, ran, inUse } = fakeExecutor((threads) => ({ 1: 0.3, 2: 0.2, 4: 0.25, 8: 0.5 })[threads]!)
  expect(await chooseThreads(executor, { ...range, threads: 8 })).toEqual({
    threads: 2,
    of: 8,
    slowdownOnAll: expect.closeTo(2.5),
  })
  expect(inUse()).toBe(2)
  expect(new Set(ran)).toEqual(new Set([8, 1, 2, 4]))
})

it('keeps all threads if fewer gain next to nothing', async () => {
  const { executor, inUse } = fakeExecutor((threads) => (threads === 1 ? 0.19 : 0.2))
  expect(await chooseThreads(executor, { ...range, threads: 3 })).toBeNull()
  expect(inUse()).toBe(3)
})

it('tries nothing with runs that are not small: the first one, over new memory, does not count', async () => {
  let runs = 0
  const large = fakeExecutor(() => (runs++ === 0 ? 0.1 : 2))
  expect(await chooseThreads(large.executor, { ...range, threads: 2 })).toBeNull()
  expect(large.ran).toEqual([2, 2, 2])
  runs = 0
  const small = fakeExecutor(() => (runs++ === 0 ? 50 : 0.2))
  await chooseThreads(small.executor, { ...range, threads: 2 })
  expect(small.ran).toContain(1)
})

it('runs nothing where there is only one thread', async () => {
  const { executor, ran } = fakeExecutor(() => 0.1)
  expect(await chooseThreads(executor, { ...range, threads: 1 })).toBeNull()
  expect(
    await chooseThreads({ ...executor, useThreads: undefined } as never, { ...range, threads: 4 }),
  ).toBeNull()
  expect(ran).toEqual([])
})
