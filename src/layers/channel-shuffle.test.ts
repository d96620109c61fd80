import { expect, it } from 'vitest'
import { gradientErrors } from '../../test/support/finite-differences.ts'
import { backwardOf, forwardOf } from '../../test/support/layers.ts'
import { NetworkError, ShapeError } from '../errors.ts'
import { channelShuffle, channelShuffleDefinition } from './channel-shuffle.ts'

const definition = channelShuffleDefinition
const layer = {
  definition,
  options: { groups: 2 },
  inputShape: [1, 2, 6],
  input: [0, 1, 2, 3, 4, 5, 10, 11, 12, 13, 14, 15],
}

it('takes the first channel of each group, then the second of each', () => {
  expect(forwardOf(layer)).toEqual({
    shape: [1, 2, 6],
    values: [0, 3, 1, 4, 2, 5, 10, 13, 11, 14, 12, 15],
  })
  const vector = { definition, options: { groups: 3 }, inputShape: [6], input: [0, 1, 2, 3, 4, 5] }
  expect(forwardOf(vector)).toEqual({ shape: [6], values: [0, 2, 4, 1, 3, 5] })
})

it.each([1, 6])('changes nothing with %i groups of 6 channels', (groups) => {
  expect(forwardOf({ ...layer, options: { groups } }).values).toEqual(layer.input)
})

it('gives every value its gradient, added to what is there', () => {
  const { values } = forwardOf(layer)
  expect(backwardOf(layer, values, 100).input).toEqual(layer.input.map((value) => value + 100))
})

it.each([1, 2, 3, 6])('finite differences: %i groups', (groups) => {
  const errors = gradientErrors({ definition, options: { groups }, inputShape: [2, 3, 6] })
  expect(errors.input).toBeLessThan(1e-8)
})

it('refuses groups that do not divide the channels', () => {
  expect(() => definition.outputShape('a', { groups: 4 }, [[2, 3, 6]])).toThrow(
    new ShapeError('a: groups 4 must divide the 6 channels of its input [2, 3, 6]'),
  )
  expect(() => definition.outputShape('a', { groups: 1 }, [[]])).toThrow(ShapeError)
})

it.each<[object, string]>([
  [{}, 'a: groups is missing; it must be a positive integer'],
  [{ groups: 0 }, 'a: groups is 0; it must be a positive integer'],
  [{ group: 2 }, "a: unknown option 'group'"],
])('refuses %o', (options, message) => {
  expect(() => channelShuffle('a', options as never)).toThrow(NetworkError)
  expect(() => channelShuffle('a', options as never)).toThrow(message)
})
