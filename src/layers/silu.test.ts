import { expect, it } from 'vitest'
import { gradientErrors } from '../../test/support/finite-differences.ts'
import { backwardOf, forwardOf } from '../../test/support/layers.ts'
import { siluDefinition as definition } from './silu.ts'

const layer = { definition, options: {}, inputShape: [1, 1, 4] }
const LN3 = Math.log(3) // its logistic function is 3/4

it('is x times the logistic function of x, and keeps NaN', () => {
  const { values } = forwardOf({ ...layer, input: [0, LN3, -LN3, Number.NaN] })
  expect(values[0]).toBe(0)
  expect(values[1]).toBeCloseTo(0.75 * LN3, 15)
  expect(values[2]).toBeCloseTo(-0.25 * LN3, 15)
  expect(values[3]).toBeNaN()
  expect(forwardOf({ ...layer, input: [1e9, -1e9, Infinity, -Infinity] }).values).toEqual([
    1e9,
    -0,
    Infinity,
    Number.NaN,
  ])
})

it('multiplies the gradient by s (1 + x (1 - s)), and adds it', () => {
  const { input } = backwardOf({ ...layer, input: [0, LN3, 1e9, -1e9] }, [2, 1, 1, 1], 5)
  expect(input![0]).toBe(6)
  expect(input![1]).toBeCloseTo(5 + 0.75 * (1 + LN3 / 4), 14)
  expect(input!.slice(2)).toEqual([6, 5])
})

it('backward against finite differences', () => {
  const { input } = gradientErrors({ definition, options: {}, inputShape: [3, 4, 5] })
  expect(input).toBeLessThan(1e-8)
})
