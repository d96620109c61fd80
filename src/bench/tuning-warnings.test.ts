import { expect, it } from 'vitest'
import type { PreparedPlan, UnmeasuredSteps } from '../engines/engine.ts'
import { unmeasuredWarnings } from './tuning-warnings.ts'

const warningsOf = (unmeasuredSteps: UnmeasuredSteps | null | undefined) =>
  unmeasuredWarnings({ prepared: { unmeasuredSteps } as PreparedPlan })

it('says nothing if all was measured, or if the engine measures nothing', () => {
  expect(warningsOf(null)).toEqual([])
  expect(warningsOf(undefined)).toEqual([])
})

it.each([
  [2000, '2'],
  [0, '0'],
  [1500, '1.5'],
  [1000 * 0.29, '0.29'],
])('names a budget of %s ms in seconds, and the steps', (budgetMs, seconds) => {
  expect(warningsOf({ count: 14, of: 31, budgetMs })).toEqual([
    `the tuning budget of ${seconds} s was spent: 14 of the 31 steps to measure use tiles that were not measured, or only in part`,
  ])
})
