import { expect, it } from 'vitest'
import { gradientErrors } from '../../test/support/finite-differences.ts'
import { backwardOf, forwardOf } from '../../test/support/layers.ts'
import { hardSigmoidDefinition as definition } from './hard-sigmoid.ts'

const layer = { definition, options: {}, inputShape: [1, 1, 5] }

it('is x / 6 + 1/2 from 0 to 1, and keeps NaN', () => {
  expect(forwardOf({ ...layer, input: [0, 1.5, -1e9, 1e9, Number.NaN] }).values).toEqual([
    0.5,
    0.75,
    0,
    1,
    Number.NaN,
  ])
})

it('passes a sixth of the gradient between -3 and 3, nothing at them, and adds it', () => {
  expect(backwardOf({ ...layer, input: [0, -3, 3, 2, 9] }, [6, 6, 6, 12, 6], 5).input).toEqual([
    6, 5, 5, 7, 5,
  ])
})

it('backward against finite differences', () => {
  const { input } = gradientErrors({ definition, options: {}, inputShape: [3, 4, 5] })
  expect(input).toBeLessThan(1e-8)
})
