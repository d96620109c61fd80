import { expect, it } from 'vitest'
import { gradientErrors } from '../../test/support/finite-differences.ts'
import { backwardOf, forwardOf } from '../../test/support/layers.ts'
import { leakyReluDefinition as definition, leakyRelu } from './leaky-relu.ts'

const layer = { definition, options: { slope: 0.25 }, inputShape: [1, 2, 3] }

it('multiplies by the slope what is not over 0, and keeps NaN', () => {
  const { shape, values } = forwardOf({ ...layer, input: [2, 0, -2, Number.NaN, Infinity, -Infinity] })
  expect(shape).toEqual([1, 2, 3])
  expect(values).toEqual([2, 0, -0.5, Number.NaN, Infinity, -Infinity])
})

it('multiplies the gradient by the slope there, at 0 too, and adds it', () => {
  const { input } = backwardOf({ ...layer, input: [2, 0, -2, 1, -1, 1e-300] }, [1, 4, 8, 0, 0, 2], 5)
  expect(input).toEqual([6, 6, 7, 5, 5, 7])
})

it('has a slope of 0.01 by default, and refuses one below 0', () => {
  expect(leakyRelu('a').options).toEqual({ slope: 0.01 })
  expect(() => leakyRelu('a', { slope: -1 })).toThrow('a: slope is -1; it must be a finite number from 0')
})

it('backward against finite differences', () => {
  const { input } = gradientErrors({ definition, options: { slope: 0.3 }, inputShape: [3, 4, 5] })
  expect(input).toBeLessThan(1e-8)
})
