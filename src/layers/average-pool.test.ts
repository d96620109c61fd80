import { describe, expect, it } from 'vitest'
import { gradientErrors } from '../../test/support/finite-differences.ts'
import { backwardOf, forwardOf, type LayerCase } from '../../test/support/layers.ts'
import { NetworkError, ShapeError } from '../errors.ts'
import {
  type AveragePoolOptions,
  averagePool,
  averagePoolDefinition,
  globalAveragePool,
} from './average-pool.ts'

const definition = averagePoolDefinition

describe('by hand', () => {
  // 3 x 3 image
  //   1  5  2
  //   3  7  9
  //   8  4  6
  const image = (options: AveragePoolOptions): LayerCase<AveragePoolOptions> => ({
    definition,
    options,
    inputShape: [3, 3, 1],
    input: [1, 5, 2, 3, 7, 9, 8, 4, 6],
  })

  it('overlapping windows: a value has a share of each window’s gradient', () => {
    // (1 5 3 7) (5 2 7 9) (3 7 8 4) (7 9 4 6)
    const layer = image({ kernel: 2 })
    expect(forwardOf(layer)).toEqual({ shape: [2, 2, 1], values: [4, 5.75, 5.5, 6.5] })
    const gradients = backwardOf(layer, [4, 40, 400, 4000], 7)
    expect(gradients.input).toEqual([8, 18, 17, 108, 1118, 1017, 107, 1107, 1007])
  })

  it('what is padded does not count, unless it is asked for', () => {
    // Windows of the padded image: (1) (5 2) / (3 8) (7 9 4 6)
    const options = { kernel: 2, stride: 2, padding: { top: 1, bottom: 0, left: 1, right: 0 } }
    expect(forwardOf(image(options)).values).toEqual([1, 3.5, 5.5, 6.5])
    const counting = image({ ...options, countPadding: true })
    expect(forwardOf(counting).values).toEqual([0.25, 1.75, 2.75, 6.5])
    expect(backwardOf(image(options), [4, 8, 4, 4]).input).toEqual([4, 4, 4, 2, 1, 1, 2, 1, 1])
    expect(backwardOf(counting, [4, 8, 4, 4]).input).toEqual([1, 2, 2, 1, 1, 1, 1, 1, 1])
  })

  it('what lies beyond the padding in ceil mode never counts', () => {
    // (1 5 3 7) (2 9) / (8 4) (6)
    const options = { kernel: 2, stride: 2, ceilMode: true }
    expect(forwardOf(image(options)).values).toEqual([4, 5.5, 6, 6])
    expect(forwardOf(image({ ...options, countPadding: true })).values).toEqual([4, 5.5, 6, 6])
    // One column of padding at the right: it counts, what is below the image does not
    const padding = { top: 0, bottom: 0, left: 0, right: 1 }
    const padded = { ...options, padding, countPadding: true }
    expect(forwardOf(image(padded)).values).toEqual([4, 11 / 4, 6, 3])
  })

  // pytorch/pytorch#183528, microsoft/onnxruntime#16203
  it('padding that counts, and a last window that goes beyond it', () => {
    const options = { kernel: 3, stride: 2, padding: 1, ceilMode: true, countPadding: true }
    const values = Array.from({ length: 16 }, (_, i) => i + 1)
    const layer = { ...image(options), inputShape: [4, 4, 1], input: values }
    expect(forwardOf(layer).values).toEqual([
      14 / 9,
      30 / 9,
      12 / 6,
      57 / 9,
      99 / 9,
      36 / 6,
      27 / 6,
      45 / 6,
      16 / 4,
    ])
  })

  it('global: the mean of each channel of each image', () => {
    const layer = {
      definition,
      options: { kernel: 'global' as const },
      batch: 2,
      inputShape: [1, 2, 2],
      input: [1, 10, 3, 30, 5, 50, 8, 80],
    }
    expect(forwardOf(layer)).toEqual({ shape: [1, 1, 2], values: [2, 20, 6.5, 65] })
    expect(backwardOf(layer, [2, 4, 6, 8]).input).toEqual([1, 2, 1, 2, 3, 4, 3, 4])
  })
})

describe('backward against finite differences', () => {
  it.each<[string, AveragePoolOptions]>([
    ['overlapping', { kernel: 3, stride: 2 }],
    ['SAME', { kernel: 3, stride: 2, padding: 'same' }],
    ['explicit padding', { kernel: 3, padding: [2, 1, 0, 2] }],
    ['counted padding', { kernel: 3, padding: [2, 1, 0, 2], countPadding: true }],
    ['ceil mode', { kernel: 3, stride: 3, padding: 1, ceilMode: true, countPadding: true }],
    ['stride over the kernel', { kernel: 2, stride: [3, 4] }],
    ['global', { kernel: 'global' }],
  ])('%s', (_what, options) => {
    const { input } = gradientErrors({ definition, options, inputShape: [7, 8, 3] })
    expect(input).toBeLessThan(1e-8)
  })
})

describe('sizes', () => {
  const shapeOf = (options: AveragePoolOptions, height = 6, width = height) =>
    definition.outputShape('pool1', options, [[height, width, 2]])

  it.each<[string, AveragePoolOptions, number, number]>([
    ['a rest is a window more', { kernel: 2, stride: 2, ceilMode: true }, 5, 3],
    ['no rest, no window more', { kernel: 2, stride: 2, ceilMode: true }, 6, 3],
    ['without ceil mode a rest is left out', { kernel: 2, stride: 2 }, 5, 2],
    // 1 + 4 + 1 padded, kernel 1 in steps of 5: windows at 0 and 5, which is padding after
    [
      'the last begins in the padding after: none',
      { kernel: 2, stride: 5, padding: 1, ceilMode: true },
      4,
      1,
    ],
    // pytorch/pytorch#116420, onnx/onnx#5711: four windows by the formula alone
    [
      'as large as the kernel the last begins in the padding',
      { kernel: 4, stride: 4, padding: 2, ceilMode: true },
      9,
      3,
    ],
    ['the last begins at the last value', { kernel: 2, stride: 4, padding: 1, ceilMode: true }, 4, 2],
    [
      'a kernel larger than the input by less than a stride: one',
      { kernel: 6, stride: 3, ceilMode: true },
      4,
      1,
    ],
  ])('ceil mode: %s', (_what, options, size, windows) => {
    expect(shapeOf(options, size)).toEqual([windows, windows, 2])
  })

  it('ceil mode: a kernel that is larger by more than that does not fit', () => {
    expect(() => shapeOf({ kernel: 9, ceilMode: true }, 4)).toThrow('is larger than its padded input 4')
  })

  it.each<[string, AveragePoolOptions, number[]]>([
    ['one number', { kernel: 3, padding: 1 }, [6, 8, 2]],
    ['vertical and horizontal', { kernel: 3, padding: [1, 0] }, [6, 6, 2]],
    ['four sides', { kernel: 3, padding: [1, 2, 0, 1] }, [7, 7, 2]],
    ['an object', { kernel: 3, padding: { top: 1, bottom: 2, left: 0, right: 1 } }, [7, 7, 2]],
  ])('padding as %s', (_what, options, shape) => {
    expect(shapeOf(options, 6, 8)).toEqual(shape)
  })

  it('refuses windows of nothing but padding', () => {
    const message = 'pool1: a window would hold nothing but padding; make the padding smaller than the kernel'
    for (const padding of [[2, 0, 0, 0], [0, 2, 0, 0], [0, 0, 2, 0], [0, 0, 0, 2], 3] as const)
      expect(() => shapeOf({ kernel: 2, padding })).toThrow(new ShapeError(message))
    expect(shapeOf({ kernel: 2, padding: 1 })).toEqual([7, 7, 2])
  })

  it('refuses a global pooling with a stride or padding, and what is no image', () => {
    const message = 'pool1: a global pooling has one window, without stride and padding'
    for (const options of [{ stride: 2 }, { padding: 0 }, { stride: 1, padding: 'same' as const }])
      expect(() => shapeOf({ kernel: 'global', ...options })).toThrow(new ShapeError(message))
    expect(() => definition.outputShape('pool1', { kernel: 'global' }, [[4]])).toThrow(
      new ShapeError('pool1: its input [4] is not an image (H, W, C)'),
    )
  })
})

it('the factories give plain data', () => {
  expect(globalAveragePool('mean', { inputs: ['a'] })).toEqual({
    kind: 'average-pool',
    name: 'mean',
    inputs: ['a'],
    options: { kernel: 'global' },
  })
})

it.each<[object, string]>([
  [{}, "pool1: kernel is missing; it must be a positive integer, a pair of them, or 'global'"],
  [{ kernel: 'all' }, "pool1: kernel is 'all'; it must be a positive integer, a pair of them, or 'global'"],
  [{ kernel: 2, ceilMode: 1 }, 'pool1: ceilMode is 1; it must be true or false'],
  [{ kernel: 2, countPadding: 'yes' }, "pool1: countPadding is 'yes'; it must be true or false"],
  [{ kernel: 2, dilation: 2 }, "pool1: unknown option 'dilation'"],
  [
    { kernel: 2, padding: [1, 1, 1] },
    'pool1: padding is [1,1,1]; it must be [vertical, horizontal] or [top, bottom, left, right], integers from 0',
  ],
  [
    { kernel: 2, padding: [1, -1] },
    'pool1: padding is [1,-1]; it must be [vertical, horizontal] or [top, bottom, left, right], integers from 0',
  ],
])('refuses %o', (options, message) => {
  expect(() => averagePool('pool1', options as AveragePoolOptions)).toThrow(NetworkError)
  expect(() => averagePool('pool1', options as AveragePoolOptions)).toThrow(message)
})
