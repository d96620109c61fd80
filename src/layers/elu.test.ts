import { expect, it } from 'vitest'
import { gradientErrors } from '../../test/support/finite-differences.ts'
import { backwardOf, forwardOf } from '../../test/support/layers.ts'
import { eluDefinition as definition, elu } from './elu.ts'

const layer = { definition, options: { alpha: 2 }, inputShape: [1, 1, 5] }
const HALF = -Math.LN2 // e^x = 1 / 2

it('is alpha (e^x - 1) up to 0, and keeps NaN', () => {
  const { values } = forwardOf({ ...layer, input: [3, 0, HALF, -1000, Number.NaN] })
  expect(values).toEqual([3, 0, -1, -2, Number.NaN])
})

it('multiplies the gradient by alpha e^x, at 0 by alpha, and adds it', () => {
  const { input } = backwardOf({ ...layer, input: [3, 0, HALF, -1000, 1] }, [1, 1, 3, 1, 0], 5)
  expect(input).toEqual([6, 7, 8, 5, 5])
})

it('has an alpha of 1 by default, and refuses one that is not over 0', () => {
  expect(elu('a').options).toEqual({ alpha: 1 })
  expect(() => elu('a', { alpha: 0 })).toThrow('a: alpha is 0; it must be a finite number over 0')
})

it('backward against finite differences', () => {
  const { input } = gradientErrors({ definition, options: { alpha: 0.5 }, inputShape: [3, 4, 5] })
  expect(input).toBeLessThan(1e-8)
})
