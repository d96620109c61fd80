import { expect, it } from 'vitest'
import { Calibration } from './calibration.ts'

/** A clock that advances by the given lengths of work, and after those by 1 ms. */
function planted(workMs: readonly number[]) {
  const left = [...workMs]
  let nowMs = 1000
  let calls = 0
  const calibration = new Calibration({
    now: () => nowMs,
    work: () => {
      calls++
      nowMs += left.shift() ?? 1
      return 0
    },
  })
  return {
    calibration,
    calls: () => calls,
    wait: (ms: number) => {
      nowMs += ms
    },
  }
}

it('is the slowest time over the fastest, the first calls aside', () => {
  const { calibration, wait } = planted([50, 40, 30, 20, 10, 6, 5, 12.5, 7])
  for (let i = 0; i < 4; i++) {
    calibration.measureIfDue()
    wait(300)
  }
  expect(calibration.spread()).toBe(2.5)
})

it('works at most four times a second', () => {
  const { calibration, calls, wait } = planted([])
  calibration.measureIfDue()
  const first = calls()
  for (let i = 0; i < 24; i++) {
    wait(10)
    calibration.measureIfDue()
  }
  expect(calls()).toBe(first)
  wait(10)
  calibration.measureIfDue()
  expect(calls()).toBe(first + 1)
})

it('has no spread before there are two times', () => {
  const { calibration, wait } = planted([])
  expect(calibration.spread()).toBeNull()
  calibration.measureIfDue()
  expect(calibration.spread()).toBeNull()
  wait(300)
  calibration.measureIfDue()
  expect(calibration.spread()).toBe(1)
})

it('does real work of some milliseconds', async () => {
  const calibration = new Calibration()
  const elapsedMs = () => {
    const start = performance.now()
    calibration.measureIfDue()
    return performance.now() - start
  }
  elapsedMs() // including the warm-up
  await new Promise((resolve) => setTimeout(resolve, 300))
  expect(elapsedMs()).toBeGreaterThan(1)
  expect(calibration.spread()).toBeGreaterThanOrEqual(1)
})
