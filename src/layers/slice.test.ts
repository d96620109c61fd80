import { expect, it } from 'vitest'
import { gradientErrors } from '../../test/support/finite-differences.ts'
import { backwardOf, forwardOf } from '../../test/support/layers.ts'
import { NetworkError, ShapeError } from '../errors.ts'
import { type SliceOptions, slice, sliceDefinition } from './slice.ts'

const definition = sliceDefinition
// Two images of one row of two pixels
const layer = {
  definition,
  options: { begin: 1, end: 3 },
  batch: 2,
  inputShape: [1, 2, 4],
  input: [0, 1, 2, 3, 10, 11, 12, 13, 20, 21, 22, 23, 30, 31, 32, 33],
}

it('takes the channels from begin to before end', () => {
  expect(forwardOf(layer)).toEqual({ shape: [1, 2, 2], values: [1, 2, 11, 12, 21, 22, 31, 32] })
  const vector = { ...layer, batch: 1, inputShape: [4], input: [0, 1, 2, 3] }
  expect(forwardOf(vector)).toEqual({ shape: [2], values: [1, 2] })
})

it('gives the other channels no gradient, and adds to what is there', () => {
  expect(backwardOf(layer, [1, 2, 3, 4, 5, 6, 7, 8], 10).input).toEqual([
    10, 11, 12, 10, 10, 13, 14, 10, 10, 15, 16, 10, 10, 17, 18, 10,
  ])
})

it.each<SliceOptions>([
  { begin: 0, end: 5 },
  { begin: 2, end: 3 },
  { begin: 4, end: 5 },
])('finite differences: %o', (options) => {
  expect(gradientErrors({ definition, options, inputShape: [3, 2, 5] }).input).toBeLessThan(1e-8)
})

it.each<[SliceOptions, string]>([
  [{ begin: 0, end: 6 }, 'part: channels 0 to 6 of [3, 2, 5]; begin must be below end, and end at most 5'],
  [{ begin: 3, end: 3 }, 'part: channels 3 to 3 of [3, 2, 5]; begin must be below end, and end at most 5'],
  [{ begin: 4, end: 2 }, 'part: channels 4 to 2 of [3, 2, 5]; begin must be below end, and end at most 5'],
])('refuses %o of 5 channels', (options, message) => {
  expect(() => definition.outputShape('part', options, [[3, 2, 5]])).toThrow(new ShapeError(message))
})

it.each<[Partial<SliceOptions>, string]>([
  [{ end: 2 }, 'part: begin is missing; it must be an integer from 0 to 2^53 - 1'],
  [{ begin: -1, end: 2 }, 'part: begin is -1; it must be an integer from 0 to 2^53 - 1'],
  [{ begin: 0, end: 0 }, 'part: end is 0; it must be a positive integer'],
  [{ begin: 0, end: 1.5 }, 'part: end is 1.5; it must be a positive integer'],
])('refuses %o', (options, message) => {
  expect(() => slice('part', options as SliceOptions)).toThrow(new NetworkError(message))
})
