import { expect, it } from 'vitest'
import { gradientErrors } from '../../test/support/finite-differences.ts'
import { backwardOf, forwardOf } from '../../test/support/layers.ts'
import { NetworkError } from '../errors.ts'
import { clip, clipDefinition as definition, relu6 } from './clip.ts'

const layer = { definition, options: { min: -1, max: 2 }, inputShape: [1, 2, 3] }

it('keeps values between the bounds, and NaN', () => {
  const { shape, values } = forwardOf({ ...layer, input: [3, -3, 0.5, Number.NaN, Infinity, -Infinity] })
  expect(shape).toEqual([1, 2, 3])
  expect(values).toEqual([2, -1, 0.5, Number.NaN, 2, -1])
})

it('passes the gradient between the bounds, not at them, and adds it', () => {
  const { input } = backwardOf({ ...layer, input: [3, -3, 0.5, 2, -1, 0] }, [1, 1, 1, 1, 1, 1], 5)
  expect(input).toEqual([5, 5, 6, 5, 5, 6])
})

it('compares values with the bounds in float32', () => {
  const options = { min: 0.1, max: 0.7 }
  const input = [Math.fround(0.1), Math.fround(0.7), 0.4]
  expect(backwardOf({ definition, options, inputShape: [3], input }, [1, 1, 1]).input).toEqual([0, 0, 1])
})

it('is relu6 from 0 to 6', () => {
  expect(relu6('a', { inputs: ['b'] })).toEqual({ ...clip('a', { min: 0, max: 6 }), inputs: ['b'] })
})

it('refuses bounds that are missing or not in order', () => {
  expect(() => clip('a', { min: 0 } as never)).toThrow('a: max is missing; it must be a finite number')
  expect(() => clip('a', { min: 0, max: Infinity })).toThrow('a: max is Infinity; it must be a finite number')
  const reversed = clip('a', { min: 1, max: 1 })
  expect(() => definition.outputShape('a', reversed.options, [[3]])).toThrow(
    new NetworkError('a: min 1 and max 1; min must be below max'),
  )
})

it('backward against finite differences', () => {
  const { input } = gradientErrors({ definition, options: { min: -0.7, max: 0.5 }, inputShape: [3, 4, 5] })
  expect(input).toBeLessThan(1e-8)
})
