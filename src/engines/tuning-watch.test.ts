import { expect, it } from 'vitest'
import { TuningWatch } from './tuning-watch.ts'

const THREADS = 2

/** A watch that has seen runs with these step times, during which the threads ran all the time unless `load` says otherwise. */
function watched(
  expectedMs: readonly (number | readonly number[] | null)[],
  runs: readonly (readonly number[])[],
  { load = 1, knowsProcessorTime = true } = {},
): TuningWatch {
  const watch = new TuningWatch(
    expectedMs.map((ms) => (ms === null ? [] : [ms].flat())),
    THREADS,
  )
  for (const times of runs) {
    const elapsedMs = times.reduce((sum, ms) => sum + ms, 0)
    watch.add(times, elapsedMs, knowsProcessorTime ? (THREADS * elapsedMs) / load : null)
  }
  return watch
}

const times = <T>(count: number, value: T): T[] => new Array<T>(count).fill(value)

it('doubts a step that takes far more in every run than when its tile was chosen', () => {
  expect(
    watched([0.5, 0.07, null], times(10, [0.5, 1.05, 40]))
      .doubtfulSteps()
      .map(({ step }) => step),
  ).toEqual([1])
  expect(
    watched([0.5, 0.07], times(10, [0.5, 1.05]), { knowsProcessorTime: false })
      .doubtfulSteps()
      .map(({ step }) => step),
  ).toEqual([1])
})

it('one run that is as fast as expected is enough: the others were hit', () => {
  expect(
    watched([0.5, 0.07], [...times(9, [0.5, 1.05]), [0.5, 0.08]])
      .doubtfulSteps()
      .map(({ step }) => step),
  ).toEqual([])
})

it('doubts a step that takes far less: it was chosen in a bad moment', () => {
  expect(
    watched([0.5, 5], times(10, [0.5, 1]))
      .doubtfulSteps()
      .map(({ step }) => step),
  ).toEqual([1])
  expect(
    watched([0.5, 5], [...times(4, [0.5, 1]), ...times(6, [0.5, 4])])
      .doubtfulSteps()
      .map(({ step }) => step),
  ).toEqual([])
})

it('doubts nothing where the system gives the threads to others', () => {
  expect(
    watched([0.5, 1], times(10, [2, 4]), { load: 4 })
      .doubtfulSteps()
      .map(({ step }) => step),
  ).toEqual([])
  expect(
    watched([0.5, 1], times(10, [2, 14]), { load: 4 })
      .doubtfulSteps()
      .map(({ step }) => step),
  ).toEqual([1])
  expect(
    watched([0.5, 5], times(10, [0.5, 0.01]), { load: 4 })
      .doubtfulSteps()
      .map(({ step }) => step),
  ).toEqual([])
})

it('says what a doubtful step takes when the system gives its threads to nobody else', () => {
  expect(watched([0.5, 1], times(10, [2, 14]), { load: 4 }).doubtfulSteps()).toEqual([{ step: 1, ms: 3.5 }])
})

it('expects what a step took in other runs as well as what was measured, and what lies between', () => {
  expect(watched([[0.2, 1]], times(10, [1])).doubtfulSteps()).toEqual([])
  expect(watched([[0.2, 9]], times(10, [1])).doubtfulSteps()).toEqual([])
  expect(watched([[0.2, 1]], times(10, [4])).doubtfulSteps()).toEqual([{ step: 0, ms: 4 }])
  expect(watched([[5, 1]], times(10, [0.2])).doubtfulSteps()).toEqual([{ step: 0, ms: 0.2 }])
})

it('doubts no step that is too short to say, and nothing after few runs', () => {
  expect(
    watched([0.005], times(10, [0.06]))
      .doubtfulSteps()
      .map(({ step }) => step),
  ).toEqual([])
  expect(
    watched([0.07], times(4, [1.05]))
      .doubtfulSteps()
      .map(({ step }) => step),
  ).toEqual([])
})

it('looks at the first runs alone, and at none where nothing was measured', () => {
  expect(watched([1], times(15, [1])).isWatching).toBe(true)
  expect(watched([1], times(16, [1])).isWatching).toBe(false)
  expect(watched([null, null], []).isWatching).toBe(false)
})
