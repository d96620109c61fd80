import { describe, expect, it } from 'vitest'
import { gradientErrors } from '../../test/support/finite-differences.ts'
import { backwardOf, forwardOf } from '../../test/support/layers.ts'
import { ShapeError } from '../errors.ts'
import type { Shape } from '../tensor.ts'
import { addDefinition } from './add.ts'
import { spreadOf } from './broadcast.ts'
import { multiplyDefinition } from './multiply.ts'

/** One row of two pixels, two channels; a pixel for each image, and a number. */
const layer = {
  options: {},
  batch: 2,
  inputShape: [1, 2, 2],
  input: [1, 2, 3, 4, 5, 6, 7, 8],
  others: [
    { shape: [2], values: [10, 20, 30, 40] },
    { shape: [1], values: [-1, 2] },
  ],
}

describe('by hand', () => {
  it('adds a pixel and a number of its own to each image', () => {
    const sum = forwardOf({ ...layer, definition: addDefinition })
    expect(sum).toEqual({ shape: [1, 2, 2], values: [10, 21, 12, 23, 37, 48, 39, 50] })
  })

  it('multiplies each image by a pixel and a number of its own', () => {
    const product = forwardOf({ ...layer, definition: multiplyDefinition })
    expect(product).toEqual({ shape: [1, 2, 2], values: [-10, -40, -30, -80, 300, 480, 420, 640] })
  })

  it('combines a channel with all channels, and adds up its gradient over them', () => {
    const masked = { ...layer, others: [{ shape: [1, 2, 1], values: [10, 20, 30, 40] }] }
    expect(forwardOf({ ...masked, definition: addDefinition }).values).toEqual([
      11, 12, 23, 24, 35, 36, 47, 48,
    ])
    expect(forwardOf({ ...masked, definition: multiplyDefinition }).values).toEqual([
      10, 20, 60, 80, 150, 180, 280, 320,
    ])
    expect(backwardOf({ ...masked, definition: multiplyDefinition }, [1, 1, 1, 0, 0, 1, 2, 2], 100)).toEqual({
      input: [110, 110, 120, 100, 100, 130, 180, 180],
      input1: [103, 103, 106, 130],
    })
  })

  it('adds up the gradient of a sum over what was broadcast, and adds it to what is there', () => {
    const gradients = backwardOf({ ...layer, definition: addDefinition }, [1, 2, 3, 4, 5, 6, 7, 8], 100)
    expect(gradients).toEqual({
      input: [101, 102, 103, 104, 105, 106, 107, 108],
      input1: [104, 106, 112, 114],
      input2: [110, 126],
    })
  })

  it('multiplies the gradient of a product by the other inputs, and adds it up likewise', () => {
    const gradients = backwardOf({ ...layer, definition: multiplyDefinition }, [1, 1, 1, 1, 1, 0, 1, 0])
    expect(gradients).toEqual({
      input: [-10, -20, -10, -20, 60, 0, 60, 0],
      input1: [-4, -6, 24, 0],
      input2: [10 + 40 + 30 + 80, 150 + 210],
    })
  })

  it('gives a tensor that is both factors of a square the gradients of both', () => {
    const square = {
      ...layer,
      batch: 1,
      input: [1, 2, 3, 4],
      others: [{ shape: [1, 2, 2], values: [1, 2, 3, 4] }],
    }
    const { input, input1 } = backwardOf({ ...square, definition: multiplyDefinition }, [1, 1, 1, 1])
    expect(input!.map((value, i) => value + input1![i]!)).toEqual([2, 4, 6, 8])
  })
})

it.each([
  ['relu', [3, 4, 5], [[5]]],
  ['silu', [2, 3, 5], [[1, 1, 5], [1]]],
  ['sigmoid', [1], [[2, 3, 4], [4], [2, 3, 4]]],
  ['tanh', [3], [[1]]],
  [
    undefined,
    [1, 1, 3],
    [
      [2, 2, 3],
      [1, 1, 1],
    ],
  ],
  [undefined, [4], [[1, 1, 4]]],
  ['gelu', [3, 3, 1], [[1], [3, 3, 1]]],
  [
    'silu',
    [2, 3, 1],
    [
      [2, 3, 4],
      [1, 1, 4],
    ],
  ],
] as const)('finite differences: activation %s, %o and %o', (activation, inputShape, otherShapes) => {
  for (const definition of [addDefinition, multiplyDefinition]) {
    const errors = gradientErrors({ definition, options: { activation }, inputShape, otherShapes, seed: 3 })
    for (const [name, error] of Object.entries(errors)) expect(error, name).toBeLessThan(1e-7)
  }
})

const shapeOf = (definition: typeof addDefinition, ...shapes: readonly Shape[]) =>
  definition.outputShape('a', {}, shapes)

it.each([
  [
    [2, 3, 4],
    [[2, 3, 4], [4], [1, 1, 4], [1], [], [1, 1, 1], [2, 3, 1]],
  ],
  [
    [1, 1, 4],
    [[4], [1, 1, 4]],
  ],
  [[4], [[1], [4]]],
  [[1], [[], [1]]],
  [
    [1, 1, 1],
    [[], [1], [1, 1, 1]],
  ],
] as const)('has the largest shape, %o of %o', (largest, shapes) => {
  expect(shapeOf(addDefinition, ...shapes)).toEqual(largest)
  expect(shapeOf(multiplyDefinition, ...shapes.toReversed())).toEqual(largest)
})

const ofImages = (height: number, width: number, c: number) =>
  `its inputs must have the same shape, or be broadcast from [1, 1, ${c}], [${c}], [${height}, ${width}, 1] or [1]`

it.each([
  [[4, 4, 3], [4, 4, 2], `a: [4, 4, 3] and [4, 4, 2] can't be added; ${ofImages(4, 4, 3)}`],
  [[4, 4, 3], [4, 1, 3], `a: [4, 4, 3] and [4, 1, 3] can't be added; ${ofImages(4, 4, 3)}`],
  [[4, 4, 3], [4, 1, 1], `a: [4, 4, 3] and [4, 1, 1] can't be added; ${ofImages(4, 4, 3)}`],
  [[12], [2, 2, 3], `a: [2, 2, 3] and [12] can't be added; ${ofImages(2, 2, 3)}`],
  [[2, 2, 6], [3], `a: [2, 2, 6] and [3] can't be added; ${ofImages(2, 2, 6)}`],
  [[2], [5], "a: [5] and [2] can't be added; its inputs must have the same shape, or be broadcast from [1]"],
])('refuses %o and %o', (first, other, message) => {
  expect(() => shapeOf(addDefinition, first, first, other)).toThrow(new ShapeError(message))
  expect(() => shapeOf(multiplyDefinition, other, first)).toThrow(
    new ShapeError(message.replace('added', 'multiplied')),
  )
})

it('an image of one channel is not taken for a single value', () => {
  expect(spreadOf([1, 1, 1, 1], [1, 4, 4, 1])).toBe('pixel')
  expect(spreadOf([1, 1, 1, 1], [1, 4, 4, 2])).toBe('value')
  expect(spreadOf([1, 1, 1, 2], [1, 1, 1, 2])).toBe('whole')
  expect(spreadOf([1, 4, 4, 1], [1, 4, 4, 2])).toBe('channel')
  expect(spreadOf([1, 4, 4, 1], [1, 4, 4, 1])).toBe('whole')
})
