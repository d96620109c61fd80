import { expect, it } from 'vitest'
import { gradientErrors } from '../../test/support/finite-differences.ts'
import { forwardOf } from '../../test/support/layers.ts'
import { expDefinition } from './exp.ts'

const definition = expDefinition

it('is e^x', () => {
  const { values } = forwardOf({ definition, options: {}, inputShape: [4], input: [0, 1, -Infinity, 1000] })
  expect(values).toEqual([1, Math.E, 0, Infinity])
})

it('is its own slope', () => {
  expect(gradientErrors({ definition, options: {}, inputShape: [2, 3, 4] }).input).toBeLessThan(1e-8)
})
