import { describe, expect, it } from 'vitest'
import { gradientErrors } from '../../test/support/finite-differences.ts'
import { backwardOf, forwardOf } from '../../test/support/layers.ts'
import { NetworkError, ShapeError } from '../errors.ts'
import { softmax, softmaxDefinition } from './softmax.ts'

const definition = softmaxDefinition
const [one, two] = [0, Math.LN2]

describe('by hand', () => {
  // e^x is 1, 2, 1 and 2, 2, 4: shares of 4 and of 8
  const layer = {
    definition,
    options: {},
    inputShape: [1, 2, 3],
    input: [one, two, one, two, two, 2 * two],
  }

  it('is each value’s share of its pixel', () => {
    const { shape, values } = forwardOf(layer)
    expect(shape).toEqual([1, 2, 3])
    const expected = [0.25, 0.5, 0.25, 0.25, 0.25, 0.5]
    values.forEach((value, i) => {
      expect(value).toBeCloseTo(expected[i]!, 14)
    })
  })

  it('backward: p (g - sum of p g), beside what is there', () => {
    // g = (4, 0, 0): the sum is 1, so 0.25 * 3, 0.5 * -1, 0.25 * -1; then nothing
    const { input } = backwardOf(layer, [4, 0, 0, 0, 0, 0], 10)
    const expected = [10.75, 9.5, 9.75, 10, 10, 10]
    input!.forEach((value, i) => {
      expect(value).toBeCloseTo(expected[i]!, 13)
    })
  })

  it('keeps its digits where e^x is beyond all numbers, and NaN in its pixel', () => {
    const large = { ...layer, input: [1e4, 1e4, -1e4, 0, Number.NaN, 0] }
    expect(forwardOf(large).values).toEqual([0.5, 0.5, 0, Number.NaN, Number.NaN, Number.NaN])
  })

  it('takes vectors', () => {
    expect(forwardOf({ ...layer, inputShape: [2], input: [7, 7] })).toEqual({
      shape: [2],
      values: [0.5, 0.5],
    })
  })
})

it.each([[[2, 3, 5]], [[1, 1, 1]], [[6]]])('finite differences: %o', (inputShape) => {
  const { input } = gradientErrors({ definition, options: {}, inputShape })
  expect(input).toBeLessThan(1e-8)
})

it('refuses one number an image, and options', () => {
  expect(() => definition.outputShape('shares', {}, [[]])).toThrow(
    new ShapeError('shares: its input is one number an image, and has no channels'),
  )
  expect(() => softmax('shares', { axis: 1 } as never)).toThrow(NetworkError)
})
