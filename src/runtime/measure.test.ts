import { expect, it } from 'vitest'
import { stageTime } from './measure.ts'

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
