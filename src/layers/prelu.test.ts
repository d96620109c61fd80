import { expect, it } from 'vitest'
import { gradientErrors } from '../../test/support/finite-differences.ts'
import { backwardOf, forwardOf } from '../../test/support/layers.ts'
import { preluDefinition as definition, prelu } from './prelu.ts'

const layer = { definition, options: {}, inputShape: [1, 3, 2], parameters: { slope: [0.5, -2] } }

it("multiplies by the channel's slope what is not over 0, and keeps NaN", () => {
  const { shape, values } = forwardOf({ ...layer, input: [2, 3, -2, -3, Number.NaN, 0] })
  expect(shape).toEqual([1, 3, 2])
  expect(values).toEqual([2, 3, -1, 6, Number.NaN, -0])
})

it("multiplies the gradient there, at 0 too; the slope's is the sum of input times gradient", () => {
  const { input, slope } = backwardOf({ ...layer, input: [2, 3, -2, -3, 0, -1] }, [1, 1, 4, 5, 6, 7], 5)
  expect(input).toEqual([6, 6, 7, -5, 8, -9])
  expect(slope).toEqual([-8, -22])
})

it('begins with a slope of 0.25 for each channel, of images or not, and has no options', () => {
  const slope = { shape: [5], role: 'slope', initial: 0.25 }
  expect(definition.parameters({}, [[2, 3, 5]])).toEqual({ slope })
  expect(definition.parameters({}, [[5]])).toEqual({ slope })
  expect(() => prelu('a', { slope: 1 } as never)).toThrow("a: unknown option 'slope'")
})

it('backward against finite differences', () => {
  const { input, slope } = gradientErrors({ definition, options: {}, inputShape: [3, 4, 5] })
  expect(input).toBeLessThan(1e-8)
  expect(slope).toBeLessThan(1e-8)
})
