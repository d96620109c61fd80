import { describe, expect, it } from 'vitest'
import { gradientErrors } from '../../test/support/finite-differences.ts'
import { backwardOf, forwardOf, type LayerCase } from '../../test/support/layers.ts'
import { NetworkError, ShapeError } from '../errors.ts'
import { globalMaxPool, type MaxPoolOptions, maxPool, maxPoolDefinition } from './max-pool.ts'

const definition = maxPoolDefinition

describe('by hand', () => {
  // 3 x 3 image
  //   1 5 2
  //   3 4 9
  //   8 0 7
  const image = { definition, inputShape: [3, 3, 1], input: [1, 5, 2, 3, 4, 9, 8, 0, 7] }

  it('overlapping windows: a maximum of two windows takes both gradients', () => {
    const layer = { ...image, options: { kernel: 2, stride: 1 } }
    expect(forwardOf(layer)).toEqual({ shape: [2, 2, 1], values: [5, 9, 8, 9] })
    expect(backwardOf(layer, [1, 10, 100, 1000]).input).toEqual([0, 1, 0, 0, 0, 1010, 100, 0, 0])
    expect(backwardOf(layer, [1, 10, 100, 1000], 5).input).toEqual([5, 6, 5, 5, 5, 1015, 105, 5, 5])
  })

  it('what is padded is ignored, even where all values are negative', () => {
    const layer: LayerCase<MaxPoolOptions> = {
      ...image,
      input: image.input.map((value) => value - 10),
      options: { kernel: 2, stride: 2, padding: 'same' },
    }
    // windows: (1 5 3 4) (2 9) (8 0) (7), less 10
    expect(forwardOf(layer)).toEqual({ shape: [2, 2, 1], values: [-5, -1, -2, -3] })
    expect(backwardOf(layer, [1, 10, 100, 1000]).input).toEqual([0, 1, 0, 0, 0, 10, 100, 0, 1000])
  })

  it('explicit padding, before and after', () => {
    const padding = { top: 1, bottom: 0, left: 0, right: 1 }
    // rows (pad 0) (1 2), columns (0 1) (2 pad): (1 5) (2) (3 4 8 0) (9 7)
    const layer = { ...image, options: { kernel: 2, stride: 2, padding } }
    expect(forwardOf(layer)).toEqual({ shape: [2, 2, 1], values: [5, 2, 8, 9] })
  })

  it('ceil mode: the last windows go beyond the image', () => {
    // (1 5 3 4) (2 9) / (8 0) (7)
    const layer = { ...image, options: { kernel: 2, stride: 2, ceilMode: true } }
    expect(forwardOf(layer)).toEqual({ shape: [2, 2, 1], values: [5, 9, 8, 7] })
    expect(backwardOf(layer, [1, 10, 100, 1000]).input).toEqual([0, 1, 0, 0, 0, 10, 100, 0, 1000])
    const { ceilMode: _, ...floor } = layer.options
    expect(forwardOf({ ...layer, options: floor }).values).toEqual([5])
  })

  it('global: the maximum of each channel of each image', () => {
    const { options } = globalMaxPool('peaks')
    const layer = { definition, options, batch: 2, inputShape: [2, 1, 2], input: [1, 20, 3, 10, 5, 5, 4, 6] }
    expect(forwardOf(layer)).toEqual({ shape: [1, 1, 2], values: [3, 20, 5, 6] })
    expect(backwardOf(layer, [1, 2, 3, 4]).input).toEqual([0, 2, 1, 0, 3, 0, 0, 4])
  })

  it('a tie goes to the first maximum in row-major window order', () => {
    const options = { kernel: 2, stride: 2 }
    const layer = { definition, options, inputShape: [2, 2, 1], input: [0, 7, 7, 7] }
    expect(backwardOf(layer, [3]).input).toEqual([0, 3, 0, 0])
    const zeros = { ...layer, input: [0, 0, 0, 0] }
    expect(backwardOf(zeros, [3]).input).toEqual([3, 0, 0, 0])
  })

  it('channels and images stay apart; stride over the kernel leaves pixels out', () => {
    const options = { kernel: [1, 2] as const, stride: [1, 3] as const }
    const layer = {
      definition,
      options,
      inputShape: [1, 5, 2],
      input: [1, 20, 2, 10, 99, 99, 3, 30, 4, 40, 5, 60, 6, 50, 99, 99, 8, 70, 7, 80],
      batch: 2,
    }
    expect(forwardOf(layer)).toEqual({ shape: [1, 2, 2], values: [2, 20, 4, 40, 6, 60, 8, 80] })
  })
})

describe('backward against finite differences', () => {
  it.each<[string, MaxPoolOptions, [number, number]]>([
    ['overlapping, as the article', { kernel: 3, stride: 2 }, [7, 9]],
    ['apart', { kernel: 2, stride: 2 }, [6, 7]],
    ['SAME', { kernel: 3, stride: 2, padding: 'same' }, [6, 7]],
    ['explicit padding', { kernel: 3, stride: 1, padding: { top: 2, bottom: 1, left: 0, right: 2 } }, [4, 5]],
    ['stride over the kernel', { kernel: 2, stride: [3, 4] }, [8, 9]],
    ['ceil mode', { kernel: 3, stride: 3, padding: [1, 0, 1, 1], ceilMode: true }, [6, 7]],
    ['global', { kernel: 'global' }, [4, 5]],
  ])('%s', (_what, options, [height, width]) => {
    const { input } = gradientErrors({ definition, options, inputShape: [height, width, 3] })
    expect(input).toBeLessThan(1e-8)
  })
})

it.each(['top', 'bottom', 'left', 'right'])('padding as large as the kernel is refused at the %s', (side) => {
  const none = { top: 0, bottom: 0, left: 0, right: 0 }
  const kernel = { top: [2, 5], bottom: [2, 5], left: [5, 2], right: [5, 2] }[side]!
  const shapeOf = (padding: number) => () => {
    const options = { kernel, padding: { ...none, [side]: padding } } as unknown as MaxPoolOptions
    return definition.outputShape('pool1', options, [[6, 6, 1]])
  }
  expect(shapeOf(1)()).toHaveLength(3)
  expect(shapeOf(2)).toThrow(ShapeError)
  expect(shapeOf(3)).toThrow(/^pool1: a window would hold nothing but padding/)
})

it('a window of nothing but padding is refused, by name', () => {
  const shapeOf = (options: MaxPoolOptions) => () => definition.outputShape('pool1', options, [[4, 4, 1]])
  expect(shapeOf({ kernel: 2, padding: 2 })).toThrow(ShapeError)
  expect(shapeOf({ kernel: 2, padding: 2 })).toThrow(/^pool1: a window would hold nothing but padding/)
  expect(shapeOf({ kernel: 1, padding: { top: 0, bottom: 0, left: 0, right: 1 } })).toThrow(ShapeError)
  // the last row and column are padding, but no window lies there
  expect(shapeOf({ kernel: 2, stride: 3, padding: { top: 1, bottom: 2, left: 1, right: 2 } })()).toEqual([
    2, 2, 1,
  ])
  expect(shapeOf({ kernel: 5 })).toThrow(/^pool1: kernel height 5 is larger/)
  expect(() => definition.outputShape('pool1', { kernel: 1 }, [[4]])).toThrow(/^pool1: its input \[4\]/)
})

it.each<[string, MaxPoolOptions, [number, number, number]]>([
  ['as ResNet’s with PyTorch’s sizes', { kernel: 3, stride: 2, padding: 1 }, [112, 56, 56]],
  ['as GoogLeNet’s', { kernel: 3, stride: 2, ceilMode: true }, [112, 56, 56]],
  ['one that begins in the padding before', { kernel: 3, stride: 3, padding: 2, ceilMode: true }, [2, 2, 2]],
  ['none that begins in the padding after', { kernel: 2, stride: 3, padding: 1, ceilMode: true }, [2, 1, 1]],
])('sizes in ceil mode: %s', (_what, options, [size, height, width]) => {
  expect(definition.outputShape('pool1', options, [[size, size, 1]])).toEqual([height, width, 1])
})

it('refuses a global pooling with a stride or padding', () => {
  for (const options of [{ stride: 1 }, { padding: 'valid' as const }])
    expect(() => definition.outputShape('pool1', { kernel: 'global', ...options }, [[4, 4, 1]])).toThrow(
      new ShapeError('pool1: a global pooling has one window, without stride and padding'),
    )
})

it('needs a kernel', () => {
  expect(() => maxPool('pool1', {} as MaxPoolOptions)).toThrow(NetworkError)
  expect(() => maxPool('pool1', {} as MaxPoolOptions)).toThrow(/^pool1: kernel is missing/)
})

describe('with a dilation', () => {
  it('takes values that are apart, and gives them their gradients', () => {
    const layer = {
      definition,
      options: { kernel: [1, 2] as const, dilation: [1, 2] as const, padding: [0, 0, 1, 1] as const },
      inputShape: [1, 5, 1],
      input: [1, 5, 2, 4, 3],
    }
    // From one column before the first on: -, 5; 1, 2; 5, 4; 2, 3; 4, -
    expect(forwardOf(layer).values).toEqual([5, 2, 5, 3, 4])
    expect(backwardOf(layer, [1, 10, 100, 1000, 10000]).input).toEqual([0, 101, 10, 10000, 1000])
  })

  it('refuses windows whose values are all in the padding, although the image lies between them', () => {
    const shapeOf = (kernel: number, dilation: number) =>
      definition.outputShape('a', { kernel, dilation, padding: 2 }, [[2, 3, 1]])
    expect(shapeOf(3, 2)).toEqual([2, 3, 1])
    expect(() => shapeOf(2, 4)).toThrow(/^a: a window would hold nothing but padding/)
  })

  it('has a window that is not global', () => {
    expect(() => definition.outputShape('a', { kernel: 'global', dilation: 2 }, [[2, 3, 1]])).toThrow(
      new ShapeError('a: a global pooling has no dilation'),
    )
  })
})
