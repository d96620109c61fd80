import { expect, it } from 'vitest'
import { UsageError } from '../errors.ts'
import { rateAt, type Schedule } from './schedule.ts'

/** Rates at some of the 100 updates of a training, with a rate of 2. */
it.each<[Schedule, Readonly<Record<number, number>>]>([
  ['constant', { 0: 2, 50: 2, 99: 2 }],
  ['step', { 0: 2, 49: 2, 50: 0.2, 74: 0.2, 75: 0.02, 89: 0.02, 90: 0.002, 99: 0.002 }],
  ['cosine', { 0: 2, 25: 1 + Math.SQRT1_2, 50: 1, 75: 1 - Math.SQRT1_2, 100: 0, 101: 0 }],
])('%s', (schedule, rates) => {
  for (const [update, rate] of Object.entries(rates))
    expect(rateAt(schedule, 2, Number(update), 100), update).toBeCloseTo(rate, 12)
})

it('refuses another', () => {
  expect(() => rateAt('linear' as Schedule, 1, 0, 1)).toThrow(UsageError)
})
