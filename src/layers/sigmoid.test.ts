import { expect, it } from 'vitest'
import { gradientErrors } from '../../test/support/finite-differences.ts'
import { backwardOf, forwardOf } from '../../test/support/layers.ts'
import { sigmoidDefinition as definition } from './sigmoid.ts'

const layer = { definition, options: {}, inputShape: [1, 2, 2] }

it('is 1 / (1 + e^-x), 0 and 1 far out, and keeps NaN', () => {
  // e^-ln 3 = 1/3, and 1 / (4/3) = 3/4
  const { shape, values } = forwardOf({ ...layer, input: [0, Math.log(3), -Math.log(3), Number.NaN] })
  expect(shape).toEqual([1, 2, 2])
  expect(values[0]).toBe(0.5)
  expect(values[1]).toBeCloseTo(0.75, 15)
  expect(values[2]).toBeCloseTo(0.25, 15)
  expect(values[3]).toBeNaN()
  expect(forwardOf({ ...layer, input: [1000, -1000, Infinity, -Infinity] }).values).toEqual([1, 0, 1, 0])
})

it('passes s (1 - s) of the gradient, and adds it', () => {
  const { input } = backwardOf({ ...layer, input: [0, Math.log(3), 1000, -1000] }, [4, 16, 1, 1], 5)
  expect(input![0]).toBe(5 + 1)
  expect(input![1]).toBeCloseTo(5 + 3, 14)
  expect(input!.slice(2)).toEqual([5, 5])
})

it('backward against finite differences', () => {
  const { input } = gradientErrors({ definition, options: {}, inputShape: [3, 4, 5] })
  expect(input).toBeLessThan(1e-8)
})
