import { expect, it } from 'vitest'
import { gradientErrors } from '../../test/support/finite-differences.ts'
import { backwardOf, forwardOf } from '../../test/support/layers.ts'
import { hardSwishDefinition as definition } from './hard-swish.ts'

const layer = { definition, options: {}, inputShape: [1, 1, 6] }

it('is x (x + 3) / 6 between -3 and 3, and keeps NaN', () => {
  const { values } = forwardOf({ ...layer, input: [1, -1.5, -9, 9, Number.NaN, -Infinity] })
  expect(values[0]).toBeCloseTo(4 / 6, 15)
  expect(values[1]).toBeCloseTo(-0.375, 15)
  expect(values.slice(2)).toEqual([-0, 9, Number.NaN, Number.NaN])
})

it('multiplies the gradient by x / 3 + 1/2 between -3 and 3, by 0 at -3 and by 1 at 3, and adds it', () => {
  const { input } = backwardOf({ ...layer, input: [0, 1.5, -3, 3, -9, 9] }, [4, 4, 4, 4, 4, 4], 5)
  expect(input).toEqual([7, 9, 5, 9, 5, 9])
})

it('backward against finite differences', () => {
  const { input } = gradientErrors({ definition, options: {}, inputShape: [3, 4, 5] })
  expect(input).toBeLessThan(1e-8)
})
