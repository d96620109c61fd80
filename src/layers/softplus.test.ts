import { expect, it } from 'vitest'
import { gradientErrors } from '../../test/support/finite-differences.ts'
import { backwardOf, forwardOf } from '../../test/support/layers.ts'
import { softplusDefinition as definition } from './softplus.ts'

const layer = { definition, options: {}, inputShape: [1, 1, 4] }

it('is log(1 + e^x), x far over 0 and 0 far below, and keeps NaN', () => {
  const { values } = forwardOf({ ...layer, input: [0, Math.log(3), -1e9, Number.NaN] })
  expect(values[0]).toBeCloseTo(Math.LN2, 15)
  expect(values[1]).toBeCloseTo(Math.log(4), 15)
  expect(values.slice(2)).toEqual([0, Number.NaN])
  expect(forwardOf({ ...layer, input: [1e9, Infinity, -Infinity, 0] }).values.slice(0, 3)).toEqual([
    1e9,
    Infinity,
    0,
  ])
})

it('multiplies the gradient by the logistic function of x, and adds it', () => {
  const { input } = backwardOf({ ...layer, input: [0, Math.log(3), 1e9, -1e9] }, [2, 4, 1, 1], 5)
  expect(input![0]).toBeCloseTo(6, 14)
  expect(input![1]).toBeCloseTo(8, 14)
  expect(input![2]).toBe(6)
  expect(input![3]).toBeCloseTo(5, 14)
})

it('backward against finite differences', () => {
  const { input } = gradientErrors({ definition, options: {}, inputShape: [3, 4, 5] })
  expect(input).toBeLessThan(1e-8)
})
