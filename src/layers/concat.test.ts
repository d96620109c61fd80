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

describe('along other axes', () => {
  // 1 x 2 and 2 x 1 pixels of two channels
  const wide = { shape: [1, 2, 2], values: [1, 2, 3, 4] }
  const of = (axis: 'rows' | 'columns' | 'pixels', first: typeof wide, other: typeof wide) => ({
    definition,
    options: { axis },
    inputShape: first.shape,
    input: first.values,
    others: [other],
  })
  const high = { shape: [2, 1, 2], values: [5, 6, 7, 8] }
  const given = [1, 2, 3, 4, 5, 6, 7, 8]

  it('puts rows below each other', () => {
    const joined = of('rows', wide, { shape: [1, 2, 2], values: [5, 6, 7, 8] })
    expect(forwardOf(joined)).toEqual({ shape: [2, 2, 2], values: given })
    expect(backwardOf(joined, given, 100)).toEqual({
      input: [101, 102, 103, 104],
      input1: [105, 106, 107, 108],
    })
  })

  it('puts columns beside each other', () => {
    const joined = of('columns', high, { shape: [2, 2, 2], values: [10, 20, 30, 40, 50, 60, 70, 80] })
    const values = [5, 6, 10, 20, 30, 40, 7, 8, 50, 60, 70, 80]
    expect(forwardOf(joined)).toEqual({ shape: [2, 3, 2], values })
    expect(backwardOf(joined, values, 100)).toEqual({
      input: [105, 106, 107, 108],
      input1: [110, 120, 130, 140, 150, 160, 170, 180],
    })
  })

  it('makes one row of the pixels of images of any size', () => {
    const joined = of('pixels', wide, high)
    expect(forwardOf(joined)).toEqual({ shape: [1, 4, 2], values: given })
    expect(backwardOf(joined, given, 100)).toEqual({
      input: [101, 102, 103, 104],
      input1: [105, 106, 107, 108],
    })
  })

  it.each([
    ['rows', [4, 4, 3], [4, 5, 3], 'width and channels'],
    ['rows', [4, 4, 3], [4, 4, 2], 'width and channels'],
    ['columns', [4, 4, 3], [5, 4, 3], 'height and channels'],
    ['pixels', [4, 4, 3], [4, 4, 2], 'channels'],
  ] as const)('along %s, refuses %o and %o', (axis, first, other, same) => {
    expect(() => definition.outputShape('joined', { axis }, [first, other])).toThrow(
      new ShapeError(
        `joined: [${first.join(', ')}] and [${other.join(', ')}] can't be concatenated along ${axis}; ` +
          `${same} must be the same`,
      ),
    )
  })

  it('refuses vectors, and an axis that there is not', () => {
    expect(() => definition.outputShape('joined', { axis: 'rows' }, [[3], [3]])).toThrow(
      new ShapeError('joined: its input is [3]; only images, (H, W, C), have rows'),
    )
    expect(() => concat('joined', { inputs: ['a', 'b'], axis: 'batch' as never })).toThrow(
      /^joined: unknown axis 'batch'/,
    )
  })

  it.each([
    ['rows', [4, 2, 3], [2, 2, 3]],
    ['columns', [3, 5, 3], [3, 1, 3]],
    ['pixels', [3, 2, 3], [1, 7, 3]],
  ] as const)('finite differences along %s', (axis, inputShape, other) => {
    const errors = gradientErrors({ definition, options: { axis }, inputShape, otherShapes: [other] })
    expect(Object.keys(errors)).toEqual(['input', 'input1'])
    for (const [name, error] of Object.entries(errors)) expect(error, name).toBeLessThan(1e-8)
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
  expect(() => concat('joined', { inputs: ['a', 'b'], side: 1 } as never)).toThrow(NetworkError)
  expect(() => concat('joined', { inputs: ['a', 'b'], side: 1 } as never)).toThrow(
    /^joined: unknown option 'side'/,
  )
})
