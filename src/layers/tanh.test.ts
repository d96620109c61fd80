import { expect, it } from 'vitest'
import { gradientErrors } from '../../test/support/finite-differences.ts'
import { backwardOf, forwardOf } from '../../test/support/layers.ts'
import { tanhDefinition as definition } from './tanh.ts'

const layer = { definition, options: {}, inputShape: [1, 2, 2] }
const HALF = Math.log(3) / 2 // (sqrt 3 - 1 / sqrt 3) / (sqrt 3 + 1 / sqrt 3) = 2 / 4

it('is (e^x - e^-x) / (e^x + e^-x), -1 and 1 far out, and keeps NaN', () => {
  const { shape, values } = forwardOf({ ...layer, input: [0, HALF, -HALF, Number.NaN] })
  expect(shape).toEqual([1, 2, 2])
  expect(values[0]).toBe(0)
  expect(values[1]).toBeCloseTo(0.5, 15)
  expect(values[2]).toBeCloseTo(-0.5, 15)
  expect(values[3]).toBeNaN()
  expect(forwardOf({ ...layer, input: [1000, -1000, Infinity, -Infinity] }).values).toEqual([1, -1, 1, -1])
})

it('passes 1 - t^2 of the gradient, and adds it', () => {
  const { input } = backwardOf({ ...layer, input: [0, -HALF, 1000, -1000] }, [4, 16, 1, 1], 5)
  expect(input![0]).toBe(5 + 4)
  expect(input![1]).toBeCloseTo(5 + 12, 14)
  expect(input!.slice(2)).toEqual([5, 5])
})

it('backward against finite differences', () => {
  const { input } = gradientErrors({ definition, options: {}, inputShape: [3, 4, 5] })
  expect(input).toBeLessThan(1e-8)
})
