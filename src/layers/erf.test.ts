import { expect, it } from 'vitest'
import { gradientErrors } from '../../test/support/finite-differences.ts'
import { forwardOf } from '../../test/support/layers.ts'
import { erfDefinition } from './erf.ts'

const definition = erfDefinition

it('has the values of Abramowitz & Stegun 1964, table 7.1', () => {
  const input = [0, 0.5, 1, 2, -1, 30, 1e-30]
  const { values } = forwardOf({ definition, options: {}, inputShape: [7], input })
  const table = [0, 0.5204998778, 0.8427007929, 0.995322265, -0.8427007929, 1, 2e-30 / Math.sqrt(Math.PI)]
  for (const [i, value] of table.entries()) expect(values[i]).toBeCloseTo(value, 9)
  expect(values[6]! / table[6]!).toBeCloseTo(1, 12)
})

it('has the slope of finite differences', () => {
  expect(gradientErrors({ definition, options: {}, inputShape: [2, 3, 4] }).input).toBeLessThan(1e-8)
})
