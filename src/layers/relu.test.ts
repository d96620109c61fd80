import { expect, it } from 'vitest'
import { gradientErrors } from '../../test/support/finite-differences.ts'
import { backwardOf, forwardOf } from '../../test/support/layers.ts'
import { reluDefinition as definition } from './relu.ts'

const layer = { definition, options: {}, inputShape: [1, 2, 2], input: [-2, 0, 3, Number.NaN] }

it('lets through what is over 0, and NaN', () => {
  expect(forwardOf(layer)).toEqual({ shape: [1, 2, 2], values: [0, 0, 3, Number.NaN] })
})

it('passes the gradient where the input is over 0, and adds it', () => {
  expect(backwardOf(layer, [1, 10, 100, 1000], 5).input).toEqual([5, 5, 105, 5])
})

it('backward against finite differences', () => {
  const { input } = gradientErrors({ definition, options: {}, inputShape: [3, 4, 5] })
  expect(input).toBeLessThan(1e-8)
})
