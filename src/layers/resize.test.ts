import { describe, expect, it } from 'vitest'
import { gradientErrors } from '../../test/support/finite-differences.ts'
import { backwardOf, forwardOf } from '../../test/support/layers.ts'
import { NetworkError, ShapeError } from '../errors.ts'
import { type ResizeOptions, resize, resizeDefinition, resizeTaps } from './resize.ts'

const definition = resizeDefinition
const optionsOf = (options: Partial<ResizeOptions>): ResizeOptions => resize('a', options).options

/** One row of these values, made as wide as `options` say. */
const rowOf = (input: readonly number[], options: Partial<ResizeOptions>) =>
  forwardOf({ definition, options: optionsOf(options), inputShape: [1, input.length, 1], input }).values

describe('nearest', () => {
  // Positions of 3 pixels in 6: -0.25 0.25 0.75 1.25 1.75 2.25; 0 0.5 1 1.5 2 2.5; 0 0.4 0.8 1.2 1.6 2
  it.each<[ResizeOptions['coordinates'], NonNullable<ResizeOptions['rounding']>, number[]]>([
    ['half_pixel', 'round_prefer_floor', [1, 1, 2, 2, 3, 3]],
    ['half_pixel', 'floor', [1, 1, 1, 2, 2, 3]],
    ['half_pixel', 'ceil', [1, 2, 2, 3, 3, 3]],
    ['asymmetric', 'round_prefer_floor', [1, 1, 2, 2, 3, 3]],
    ['asymmetric', 'round_prefer_ceil', [1, 2, 2, 3, 3, 3]],
    ['asymmetric', 'floor', [1, 1, 2, 2, 3, 3]],
    ['asymmetric', 'ceil', [1, 2, 2, 3, 3, 3]],
    ['align_corners', 'round_prefer_floor', [1, 1, 2, 2, 3, 3]],
    ['align_corners', 'floor', [1, 1, 1, 2, 2, 3]],
    ['align_corners', 'ceil', [1, 2, 2, 3, 3, 3]],
  ])('by %s, %s', (coordinates, rounding, expected) => {
    expect(rowOf([1, 2, 3], { scale: [1, 2], coordinates, rounding })).toEqual(expected)
    expect(rowOf([1, 2, 3], { size: [1, 6], coordinates, rounding })).toEqual(expected)
  })

  it('takes halves exactly, whatever float64 makes of the positions', () => {
    // By half pixels, 5 in 3 are 1/3, 2 and 11/3; 4 in 2 are 0.5 and 2.5
    expect(rowOf([1, 2, 3, 4, 5], { size: [1, 3] })).toEqual([1, 3, 5])
    expect(rowOf([1, 2, 3], { size: 1 })).toEqual([2])
    expect(rowOf([1, 2, 3, 4], { size: [1, 2] })).toEqual([1, 3])
    expect(rowOf([1, 2, 3, 4], { size: [1, 2], rounding: 'round_prefer_ceil' })).toEqual([2, 4])
  })

  it('rounds a size from a scale down, but computes positions with the scale', () => {
    // 7 pixels, at 0, 1/1.5, 2/1.5, 2, ...
    const options = { scale: [1, 1.5], coordinates: 'asymmetric', rounding: 'floor' } as const
    expect(rowOf([1, 2, 3, 4, 5], options)).toEqual([1, 1, 2, 3, 3, 4, 5])
  })

  // In float64 they would be 63, 28 and 7, and an exported network would not fit together in ONNX Runtime.
  it.each([
    [300, 0.21, 62],
    [100, 0.29, 29],
    [10, 0.7, 7],
  ])('makes of %i rows by %f as many as ONNX does in float32: %i', (height, scale, expected) => {
    const options = optionsOf({ scale: [scale, 1] })
    expect(definition.outputShape('a', options, [[height, 1, 1]])).toEqual([expected, 1, 1])
  })
})

describe('linear', () => {
  const close = (found: readonly number[], expected: readonly number[]) => {
    expect(found).toHaveLength(expected.length)
    for (const [i, value] of expected.entries()) expect(found[i]).toBeCloseTo(value, 6)
  }

  it.each<[ResizeOptions['coordinates'], number[]]>([
    ['half_pixel', [0, 2, 6, 8]],
    ['asymmetric', [0, 4, 8, 8]],
    ['align_corners', [0, 8 / 3, 16 / 3, 8]],
  ])('by %s', (coordinates, expected) => {
    close(rowOf([0, 8], { scale: [1, 2], mode: 'linear', coordinates }), expected)
  })

  it('interpolates along both axes, each channel alone', () => {
    const image = { inputShape: [2, 2, 2], input: [0, 10, 4, 14, 8, 18, 12, 22] }
    const options = optionsOf({ size: 3, mode: 'linear', coordinates: 'align_corners' })
    const first = [0, 2, 4, 4, 6, 8, 8, 10, 12]
    expect(forwardOf({ definition, options, ...image })).toEqual({
      shape: [3, 3, 2],
      values: first.flatMap((value) => [value, value + 10]),
    })
  })

  it('takes a single output with aligned corners from the first pixel', () => {
    close(rowOf([3, 5, 9], { size: 1, mode: 'linear', coordinates: 'align_corners' }), [3])
  })

  it('does not read pixels without weight, which may be infinite', () => {
    const row = rowOf([1, Infinity, 3], { size: [1, 5], mode: 'linear', coordinates: 'align_corners' })
    expect(row).toEqual([1, Infinity, Infinity, Infinity, 3])
    expect(resizeTaps(optionsOf({ size: [1, 3], mode: 'linear' }), [1, 3]).columns).toEqual([
      [{ index: 0, weight: 1 }],
      [{ index: 1, weight: 1 }],
      [{ index: 2, weight: 1 }],
    ])
  })
})

describe('backward', () => {
  it('adds the gradients of all that took a value to what is there', () => {
    const layer = { definition, options: optionsOf({ scale: 2 }), inputShape: [1, 2, 1], input: [0, 0] }
    expect(backwardOf(layer, [1, 2, 3, 4, 5, 6, 7, 8], 100).input).toEqual([114, 122])
  })

  it('gives pixels that no output read no gradient', () => {
    const layer = {
      definition,
      options: optionsOf({ size: [1, 2], coordinates: 'asymmetric', rounding: 'floor' }),
      inputShape: [1, 4, 1],
      input: [0, 0, 0, 0],
    }
    expect(backwardOf(layer, [5, 7]).input).toEqual([5, 0, 7, 0])
  })

  it.each<Partial<ResizeOptions>>([
    { scale: 2 },
    { scale: 0.5, mode: 'linear' },
    { size: [7, 3], mode: 'linear' },
    { size: [5, 9], mode: 'linear', coordinates: 'asymmetric' },
    { scale: 1.7, mode: 'linear', coordinates: 'align_corners' },
  ])('finite differences: %o', (options) => {
    const errors = gradientErrors({ definition, options: optionsOf(options), inputShape: [4, 5, 2] })
    expect(errors.input).toBeLessThan(1e-8)
  })
})

it.each<[Partial<ResizeOptions>, readonly number[], string]>([
  [{}, [4, 5, 2], 'a: give either scale or size'],
  [{ scale: 2, size: 8 }, [4, 5, 2], 'a: give either scale or size'],
  [
    { scale: 2, mode: 'linear', rounding: 'floor' },
    [4, 5, 2],
    "a: rounding is only for the mode 'nearest'; with 'linear' leave it out",
  ],
  [{ scale: 0.2 }, [4, 5, 2], 'a: its input [4, 5, 2] would become [0, 1, 2]; choose another scale'],
  [{ scale: 2 }, [5], 'a: its input is [5]; it needs images, (H, W, C)'],
])('refuses %o for %o', (options, shape, message) => {
  expect(() => definition.outputShape('a', optionsOf(options), [shape])).toThrow(new ShapeError(message))
})

it.each<[object, string]>([
  [{ scale: 0 }, 'a: scale is 0; it must be a finite number over 0 or a pair of them'],
  [{ scale: [1, 2, 3] }, 'a: scale is [1,2,3]; it must be a finite number over 0 or a pair of them'],
  [{ size: 1.5 }, 'a: size is 1.5; it must be a positive integer or a pair of them'],
  [{ size: 4, mode: 'cubic' }, "a: unknown mode 'cubic' (nearest, linear)"],
  [{ size: 4, coordinates: 'half-pixel' }, "a: unknown coordinates 'half-pixel'"],
  [{ size: 4, rounding: 'down' }, "a: unknown rounding 'down'"],
])('refuses %o', (options, message) => {
  expect(() => resize('a', options as never)).toThrow(NetworkError)
  expect(() => resize('a', options as never)).toThrow(message)
})
