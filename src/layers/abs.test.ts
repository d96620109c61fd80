import { expect, it } from 'vitest'
import { gradientErrors } from '../../test/support/finite-differences.ts'
import { backwardOf, forwardOf } from '../../test/support/layers.ts'
import { absDefinition } from './abs.ts'

const layer = {
  definition: absDefinition,
  options: {},
  inputShape: [5],
  input: [-2, 0, 3, Number.NaN, -Infinity],
}

it('leaves out the sign, and keeps NaN', () => {
  expect(forwardOf(layer).values).toEqual([2, 0, 3, Number.NaN, Infinity])
})

it('turns the gradients of what is below 0, and gives 0 none', () => {
  expect(backwardOf(layer, [1, 2, 3, 4, 5], 10).input).toEqual([9, 10, 13, 10, 5])
})

it('backward against finite differences', () => {
  const { input } = gradientErrors({ definition: absDefinition, options: {}, inputShape: [3, 4, 5] })
  expect(input).toBeLessThan(1e-8)
})
