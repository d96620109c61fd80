import { describe, expect, it } from 'vitest'
import { gradientErrors } from '../../test/support/finite-differences.ts'
import { backwardOf, forwardOf } from '../../test/support/layers.ts'
import { NetworkError, ShapeError } from '../errors.ts'
import { concat, concatDefinition } from './concat.ts'

const definition = concatDefinition

describe('by hand', () => {
  // Two images of 1 x 2 pixels: two channels, then one
  const layer = {
    definition,
    options: {},
    batch: 2,
    inputShape: [1, 2, 2],
    input: [1, 2, 3, 4, 5, 6, 7, 8],
    others: [{ shape: [1, 2, 1], values: [10, 20, 30, 40] }],
  }

  it('puts the channels of each pixel one behind the other', () => {
    expect(forwardOf(layer)).toEqual({
      shape: [1, 2, 3],
      values: [1, 2, 10, 3, 4, 20, 5, 6, 30, 7, 8, 40],
    })
  })

  it('gives each input its channels of the gradient, beside what is there', () => {
    const gradients = backwardOf(layer, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12], 100)
    expect(gradients).toEqual({
      input: [101, 102, 104, 105, 107, 108, 110, 111],
      input1: [103, 106, 109, 112],
    })
  })

  it('takes vectors, and one input alone', () => {
    const vectors = { ...layer, batch: 1, inputShape: [2], input: [1, 2] }
    expect(forwardOf({ ...vectors, others: [{ shape: [1], values: [3] }] })).toEqual({
      shape: [3],
      values: [1, 2, 3],
    })
    expect(forwardOf({ ...vectors, others: [] })).toEqual({ shape: [2], values: [1, 2] })
  })
})

it('finite differences', () => {
  const otherShapes = [
    [3, 2, 1],
    [3, 2, 7],
  ]
  const errors = gradientErrors({ definition, options: {}, inputShape: [3, 2, 4], otherShapes })
  expect(Object.keys(errors)).toEqual(['input', 'input1', 'input2'])
  for (const [name, error] of Object.entries(errors)) expect(error, name).toBeLessThan(1e-8)
})

it.each([
  [
    [4, 4, 3],
    [5, 4, 3],
  ],
  [
    [4, 4, 3],
    [4, 5, 3],
  ],
  [[3], [1, 1, 3]],
  [[3], []],
])('refuses %o and %o', (first, other) => {
  expect(() => definition.outputShape('joined', {}, [first, other])).toThrow(
    new ShapeError(
      `joined: [${first.join(', ')}] and [${other.join(', ')}] can't be concatenated along channels; ` +
        'height and width must be the same',
    ),
  )
})

it('refuses one number an image, and options', () => {
  expect(() => definition.outputShape('joined', {}, [[], []])).toThrow(
    new ShapeError('joined: one number an image has no channels to concatenate'),
  )
  expect(() => concat('joined', { inputs: ['a', 'b'], axis: 1 } as never)).toThrow(NetworkError)
  expect(() => concat('joined', { inputs: ['a', 'b'], axis: 1 } as never)).toThrow(
    /^joined: unknown option 'axis'/,
  )
})
