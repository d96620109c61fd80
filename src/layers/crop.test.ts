import { describe, expect, it } from 'vitest'
import { gradientErrors } from '../../test/support/finite-differences.ts'
import { backwardOf, forwardOf } from '../../test/support/layers.ts'
import { NetworkError, ShapeError } from '../errors.ts'
import type { Shape } from '../tensor.ts'
import { type CropOptions, crop, cropDefinition } from './crop.ts'

const definition = cropDefinition
/** Four rows of five pixels of one channel: the row is the tens. */
const inputShape = [4, 5, 1]
const input = Array.from({ length: 20 }, (_, i) => 10 * Math.floor(i / 5) + (i % 5))
const options = (given: Parameters<typeof crop>[1]): CropOptions => crop('a', given).options
const cropped = (given: Parameters<typeof crop>[1]) =>
  forwardOf({ definition, options: options(given), inputShape, input })

it('takes a rectangle', () => {
  expect(cropped({ top: 1, left: 2, height: 2, width: 3 })).toEqual({
    shape: [2, 3, 1],
    values: [12, 13, 14, 22, 23, 24],
  })
})

it('begins at the first row and column by default, and takes every second one if the step is 2', () => {
  expect(cropped({ height: 2, width: 3, step: 2 }).values).toEqual([0, 2, 4, 20, 22, 24])
})

it('goes up or left if a step is below 0', () => {
  expect(cropped({ top: 3, left: 4, height: 2, width: 5, step: [-2, -1] }).values).toEqual([
    34, 33, 32, 31, 30, 14, 13, 12, 11, 10,
  ])
})

it('gives the pixels that it took their gradients, and the others none', () => {
  const layer = {
    definition,
    options: options({ top: 2, left: 1, height: 2, width: 2, step: [-2, 3] }),
    inputShape,
    input,
  }
  const gradient = backwardOf(layer, [1, 2, 3, 4], 100).input!
  const taken = Object.fromEntries(
    gradient.flatMap((value, i) => (value === 100 ? [] : [[input[i]!, value]])),
  )
  expect(taken).toEqual({ 21: 101, 24: 102, 1: 103, 4: 104 })
  const errors = gradientErrors({
    definition,
    options: options({ left: 1, height: 2, width: 3, step: [3, 2] }),
    inputShape: [4, 6, 3],
  })
  expect(errors.input).toBeLessThan(1e-8)
})

describe('refuses', () => {
  const shapeOf = (given: Parameters<typeof crop>[1], shape: Shape = inputShape) =>
    definition.outputShape('a', options(given), [shape])

  it.each([
    [{ height: 5, width: 1 }, 'a: rows 0 to 4 of its input [4, 5, 1]; they must be from 0 to 3'],
    [
      { height: 1, width: 3, left: 1, step: 2 },
      'a: columns 1 to 5 of its input [4, 5, 1]; they must be from 0 to 4',
    ],
    [{ height: 2, width: 1, step: -1 }, 'a: rows 0 to -1 of its input [4, 5, 1]; they must be from 0 to 3'],
    [
      { top: 4, height: 2, width: 1, step: [-1, 1] },
      'a: rows 4 to 3 of its input [4, 5, 1]; they must be from 0 to 3',
    ],
  ] as const)('%o', (given, message) => {
    expect(() => shapeOf(given)).toThrow(new ShapeError(message))
  })

  it('what is no image', () => {
    expect(() => shapeOf({ height: 1, width: 1 }, [5])).toThrow(
      new ShapeError('a: its input is [5]; it crops images, (H, W, C)'),
    )
  })

  it.each([
    [{ height: 1, width: 1, step: 0 }, 'a: step is 0; it must be an integer other than 0 or a pair of them'],
    [
      { height: 1, width: 1, step: [1, 1.5] },
      'a: step is [1,1.5]; it must be an integer other than 0 or a pair of them',
    ],
    [{ height: 0, width: 1 }, 'a: height is 0; it must be a positive integer'],
    [{ top: -1, height: 1, width: 1 }, 'a: top is -1; it must be an integer from 0 to 2^53 - 1'],
  ])('%o', (given, message) => {
    expect(() => crop('a', given as never)).toThrow(new NetworkError(message))
  })
})
