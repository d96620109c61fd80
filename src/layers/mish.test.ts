import { expect, it } from 'vitest'
import { gradientErrors } from '../../test/support/finite-differences.ts'
import { backwardOf, forwardOf } from '../../test/support/layers.ts'
import { mishDefinition as definition } from './mish.ts'

const layer = { definition, options: {}, inputShape: [1, 1, 4] }
// At x = ln 3, 1 + e^x is 4, and tanh(ln 4) = (16 - 1) / (16 + 1)
const LN3 = Math.log(3)
const SHARE = 15 / 17

it('is x tanh(log(1 + e^x)), and keeps NaN', () => {
  const { values } = forwardOf({ ...layer, input: [0, LN3, -1e9, Number.NaN] })
  expect(values[0]).toBe(0)
  expect(values[1]).toBeCloseTo(SHARE * LN3, 14)
  expect(values.slice(2)).toEqual([-0, Number.NaN])
  expect(forwardOf({ ...layer, input: [1e9, Infinity, -Infinity, 0] }).values).toEqual([
    1e9,
    Infinity,
    Number.NaN,
    0,
  ])
})

it('multiplies the gradient by t + x s (1 - t^2), and adds it', () => {
  const { input } = backwardOf({ ...layer, input: [0, LN3, 1e9, -1e9] }, [5, 1, 1, 1], 5)
  expect(input![0]).toBeCloseTo(5 + 3, 14) // tanh(ln 2) = 3 / 5
  expect(input![1]).toBeCloseTo(5 + SHARE + LN3 * 0.75 * (1 - SHARE ** 2), 14)
  expect(input!.slice(2)).toEqual([6, 5])
})

it('backward against finite differences', () => {
  const { input } = gradientErrors({ definition, options: {}, inputShape: [3, 4, 5] })
  expect(input).toBeLessThan(1e-8)
})
