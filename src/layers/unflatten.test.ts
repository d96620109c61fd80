import { expect, it } from 'vitest'
import { gradientErrors } from '../../test/support/finite-differences.ts'
import { backwardOf, forwardOf } from '../../test/support/layers.ts'
import { ShapeError } from '../errors.ts'
import { unflatten, unflattenDefinition } from './unflatten.ts'

const definition = unflattenDefinition
const options = { height: 2, width: 3 }
// Two channels of two rows of three pixels: the channel is the tens
const vector = [0, 1, 2, 3, 4, 5, 10, 11, 12, 13, 14, 15]
const image = [0, 10, 1, 11, 2, 12, 3, 13, 4, 14, 5, 15]
const layer = {
  definition,
  options,
  batch: 2,
  inputShape: [12],
  input: [...vector, ...vector.map((value) => value + 100)],
}

it('reads channel by channel, and each channel row by row', () => {
  expect(forwardOf(layer)).toEqual({
    shape: [2, 3, 2],
    values: [...image, ...image.map((value) => value + 100)],
  })
})

it('reads pixel by pixel if it is asked to', () => {
  const pixels = { ...layer, options: { ...options, order: 'HWC' } as const }
  expect(forwardOf(pixels)).toEqual({ shape: [2, 3, 2], values: layer.input })
  expect(backwardOf(pixels, layer.input, 1000).input).toEqual(layer.input.map((value) => value + 1000))
  const errors = gradientErrors({ definition, options: pixels.options, inputShape: [30] })
  expect(errors.input).toBeLessThan(1e-8)
})

it('gives every value its gradient, added to what is there', () => {
  const { values } = forwardOf(layer)
  expect(backwardOf(layer, values, 1000).input).toEqual(layer.input.map((value) => value + 1000))
  expect(gradientErrors({ definition, options, inputShape: [1, 1, 30] }).input).toBeLessThan(1e-8)
})

it.each([
  [[2, 3, 2], 'a: its input is [2, 3, 2]; it makes images of vectors, (C)'],
  [[13], 'a: its input [13] is no image of 2 x 3 pixels; they must divide 13'],
])('refuses %o', (shape, message) => {
  expect(() => definition.outputShape('a', options, [shape])).toThrow(new ShapeError(message))
})

it('refuses options that it does not have', () => {
  expect(() => unflatten('a', { ...options, channels: 1 } as never)).toThrow("a: unknown option 'channels'")
})
