import { expect, it } from 'vitest'
import { gradientErrors } from '../../test/support/finite-differences.ts'
import { backwardOf, forwardOf } from '../../test/support/layers.ts'
import { flatten, flattenDefinition } from './flatten.ts'

const definition = flattenDefinition
// Two images of two rows of three pixels with two channels: the channel is the tens
const image = [0, 10, 1, 11, 2, 12, 3, 13, 4, 14, 5, 15]
const layer = {
  definition,
  options: {},
  batch: 2,
  inputShape: [2, 3, 2],
  input: [...image, ...image.map((value) => value + 100)],
}

it('is channel by channel, and each channel row by row', () => {
  const first = [0, 1, 2, 3, 4, 5, 10, 11, 12, 13, 14, 15]
  expect(forwardOf(layer)).toEqual({
    shape: [12],
    values: [...first, ...first.map((value) => value + 100)],
  })
})

it('is pixel by pixel if it is asked to be', () => {
  const pixels = { ...layer, options: { order: 'HWC' } as const }
  expect(forwardOf(pixels)).toEqual({ shape: [12], values: layer.input })
  expect(backwardOf(pixels, layer.input, 1000).input).toEqual(layer.input.map((value) => value + 1000))
})

it('leaves a vector as it is, and makes one of a number', () => {
  expect(forwardOf({ definition, options: {}, inputShape: [3], input: [1, 2, 3] })).toEqual({
    shape: [3],
    values: [1, 2, 3],
  })
  expect(definition.outputShape('a', {}, [[]])).toEqual([1])
})

it('gives every value its gradient, added to what is there', () => {
  const { values } = forwardOf(layer)
  expect(backwardOf(layer, values, 1000).input).toEqual(layer.input.map((value) => value + 1000))
  expect(gradientErrors({ definition, options: {}, inputShape: [3, 2, 5] }).input).toBeLessThan(1e-8)
})

it('refuses other orders and options that it does not have', () => {
  expect(() => flatten('a', { order: 'WHC' } as never)).toThrow("a: unknown order 'WHC'")
  expect(() => flatten('a', { axis: 1 } as never)).toThrow("a: unknown option 'axis'")
})
