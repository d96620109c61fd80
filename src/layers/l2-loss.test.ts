import { expect, it } from 'vitest'
import { gradientErrors } from '../../test/support/finite-differences.ts'
import { backwardOf, forwardOf } from '../../test/support/layers.ts'
import { l2LossDefinition as definition } from './l2-loss.ts'

const layer = { definition, options: {}, inputShape: [1, 1, 2], input: [1, 2, 3, -4], batch: 2 }

it('is half the sum of squares, over the batch and not its mean', () => {
  // (1 + 4 + 9 + 16) / 2
  expect(forwardOf(layer)).toEqual({ shape: [], values: [15] })
})

it('has the values themselves as gradient, times what comes from above, added', () => {
  expect(backwardOf(layer, [1]).input).toEqual([1, 2, 3, -4])
  expect(backwardOf(layer, [0.5], 5).input).toEqual([5.5, 6, 6.5, 3])
})

it('backward against finite differences', () => {
  const { input } = gradientErrors({ definition, options: {}, inputShape: [3, 4, 5] })
  expect(input).toBeLessThan(1e-8)
})
