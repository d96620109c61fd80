import { expect, it } from 'vitest'
import { gradientErrors } from '../../test/support/finite-differences.ts'
import { backwardOf, forwardOf } from '../../test/support/layers.ts'
import { NetworkError } from '../errors.ts'
import { power, powerDefinition } from './power.ts'

const definition = powerDefinition
const input = [-2, 0, 4, 0.25]
const raised = (exponent: number) =>
  forwardOf({ definition, options: { exponent }, inputShape: [4], input }).values

it('is a square, a root, a reciprocal', () => {
  expect(raised(2)).toEqual([4, 0, 16, 0.0625])
  expect(raised(0.5)).toEqual([Number.NaN, 0, 2, 0.5])
  expect(raised(-1)).toEqual([-0.5, Infinity, 0.25, 4])
})

it('of numbers below 0 is NaN unless the exponent is an integer, of -infinity too', () => {
  const layer = { definition, options: { exponent: 0.5 }, inputShape: [1], input: [-Infinity] }
  expect(forwardOf(layer).values).toEqual([Number.NaN])
})

it('has the slopes of finite differences', () => {
  for (const exponent of [1, 2, 3])
    expect(gradientErrors({ definition, options: { exponent }, inputShape: [2, 3, 4] }).input).toBeLessThan(
      1e-7,
    )
})

it('gives no gradient for none, even where the slope is infinite', () => {
  const layer = { definition, options: { exponent: 0.5 }, inputShape: [2], input: [0, 0] }
  expect(backwardOf(layer, [0, 1]).input).toEqual([0, Infinity])
})

it.each([0, 65, Number.NaN, Infinity, '2'])('refuses the exponent %o', (exponent) => {
  expect(() => power('p', { exponent } as never)).toThrow(NetworkError)
})
