import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { gradientErrors } from '../../test/support/finite-differences.ts'
import { backwardOf, forwardOf, type LayerCase } from '../../test/support/layers.ts'
import { NetworkError, ShapeError } from '../errors.ts'
import { normal } from '../random.ts'
import { elementCount } from '../tensor.ts'
import { convDefinition } from './conv.ts'
import { type ConvTransposeOptions, convTranspose, convTransposeDefinition } from './conv-transpose.ts'

const definition = convTransposeDefinition

describe('forward, by hand', () => {
  // 2 x 2 image   2 x 2 kernel, one channel, one filter
  //   1 2           1 2
  //   3 4           3 4
  const image = {
    definition,
    inputShape: [2, 2, 1],
    input: [1, 2, 3, 4],
    parameters: { weights: [1, 2, 3, 4], biases: [100] },
  }
  const forward = (options: Omit<ConvTransposeOptions, 'filters'>) =>
    forwardOf({ ...image, options: { filters: 1, ...options } })

  it('VALID: every value times the kernel, overlapping, and a bias', () => {
    // 1 4 4 / 6 20 16 / 9 24 16, where 20 = 1*4 + 2*3 + 3*2 + 4*1
    expect(forward({ kernel: 2 })).toEqual({
      shape: [3, 3, 1],
      values: [101, 104, 104, 106, 120, 116, 109, 124, 116],
    })
  })

  it('stride: kernels side by side', () => {
    const values = [1, 2, 2, 4, 3, 4, 6, 8, 3, 6, 4, 8, 9, 12, 12, 16].map((value) => value + 100)
    expect(forward({ kernel: 2, stride: 2 })).toEqual({ shape: [4, 4, 1], values })
    expect(forward({ kernel: 2, stride: 2, padding: 'same' })).toEqual({ shape: [4, 4, 1], values })
  })

  it('SAME: what the kernel reaches beyond the stride is cut off, an odd pixel at the bottom or at the right', () => {
    expect(forward({ kernel: 2, padding: 'same' })).toEqual({
      shape: [2, 2, 1],
      values: [101, 104, 106, 120],
    })
    // 1 x 3 taps: 1 2 3 and, two pixels further, 2 4 6 give 1 2 5 4 6, which is one pixel too many
    const row = {
      ...image,
      inputShape: [1, 2, 1],
      input: [1, 2],
      parameters: { weights: [1, 2, 3], biases: [0] },
      options: { filters: 1, kernel: [1, 3] as const, stride: [1, 2] as const, padding: 'same' as const },
    }
    expect(forwardOf(row)).toEqual({ shape: [1, 4, 1], values: [1, 2, 5, 4] })
  })

  it('SAME with a stride larger than the kernel: the last pixels are biases', () => {
    const layer = {
      ...image,
      parameters: { weights: [2], biases: [1] },
      options: { filters: 1, kernel: 1, stride: [1, 3] as const, padding: 'same' as const },
    }
    expect(forwardOf(layer)).toEqual({ shape: [2, 6, 1], values: [3, 1, 1, 5, 1, 1, 7, 1, 1, 9, 1, 1] })
  })

  it('padding is cut off, each side its own', () => {
    expect(forward({ kernel: 2, padding: { top: 1, bottom: 0, left: 0, right: 1 } })).toEqual({
      shape: [2, 2, 1],
      values: [106, 120, 109, 124],
    })
    expect(forward({ kernel: 2, padding: 1 })).toEqual({ shape: [1, 1, 1], values: [120] })
  })

  it('output padding adds pixels at the bottom and at the right, or restores what padding cut off there', () => {
    const layer = { ...image, parameters: { weights: [1], biases: [5] } }
    const options = { filters: 1, kernel: 1, stride: 2, outputPadding: [0, 1] as const }
    expect(forwardOf({ ...layer, options })).toEqual({
      shape: [3, 4, 1],
      values: [6, 5, 7, 5, 5, 5, 5, 5, 8, 5, 9, 5],
    })
    // 1 2 2 4 / 3 4 6 8 / 3 6 4 8 / 9 12 12 16 without its border, and with the last column
    expect(forward({ kernel: 2, stride: 2, padding: 1, outputPadding: [0, 1] }).values).toEqual(
      [4, 6, 8, 6, 4, 8].map((value) => value + 100),
    )
  })

  it('dilation: there are pixels between taps', () => {
    const layer = {
      ...image,
      inputShape: [1, 2, 1],
      input: [1, 10],
      parameters: { weights: [1, 2], biases: [0] },
    }
    const options = { filters: 1, kernel: [1, 2] as const, dilation: [4, 3] as const }
    expect(forwardOf({ ...layer, options })).toEqual({ shape: [1, 5, 1], values: [1, 10, 0, 2, 20] })
    // Two pixels are added, more than the stride; no kernel reaches them
    const added = { ...options, outputPadding: [0, 2] as const }
    expect(forwardOf({ ...layer, options: added }).values).toEqual([1, 10, 0, 2, 20, 0, 0])
  })

  it('channels are summed and are the last axis of the weights, filters the one before', () => {
    // x = (1, 10), (2, 20): filter f is x0 w[f, 0] + x1 w[f, 1]
    const layer = {
      definition,
      inputShape: [1, 1, 2],
      input: [1, 10, 2, 20],
      batch: 2,
      parameters: { weights: [1, 2, 3, 4, 5, 6], biases: [0, 0, 1000] },
      options: { filters: 3, kernel: 1 },
    }
    expect(forwardOf(layer).values).toEqual([21, 43, 1065, 42, 86, 1130])
  })

  it('ReLU comes after the bias and keeps NaN; without biases the output is the sums', () => {
    const layer: LayerCase<ConvTransposeOptions> = {
      definition,
      inputShape: [1, 4, 1],
      input: [1, 2, 3, Number.NaN],
      parameters: { weights: [1], biases: [-2] },
      options: { filters: 1, kernel: 1, activation: 'relu' },
    }
    expect(forwardOf(layer).values).toEqual([0, 0, 1, Number.NaN])
    const bare = { ...layer, options: { filters: 1, kernel: 1, biases: false }, parameters: { weights: [3] } }
    expect(forwardOf(bare).values).toEqual([3, 6, 9, Number.NaN])
  })
})

it('backward, by hand', () => {
  // y = (1 a, 1 b + 2 a, 2 b) with a = 10, b = 20, and dy = (1, 100, 10000)
  const layer = {
    definition,
    inputShape: [1, 2, 1],
    input: [1, 2],
    parameters: { weights: [10, 20], biases: [0] },
    options: { filters: 1, kernel: [1, 2] as const },
  }
  expect(backwardOf(layer, [1, 100, 10_000])).toEqual({
    weights: [1 * 1 + 2 * 100, 1 * 100 + 2 * 10_000],
    biases: [10_101],
    input: [10 + 20 * 100, 10 * 100 + 20 * 10_000],
  })
  // added to what is there, as a tensor with two readers needs it
  expect(backwardOf(layer, [1, 100, 10_000], 5).input).toEqual([2015, 201_005])
})

describe('backward against finite differences', () => {
  it.each<[string, ConvTransposeOptions, [number, number]]>([
    ['VALID', { filters: 3, kernel: 3 }, [3, 4]],
    ['stride', { filters: 2, kernel: 4, stride: 2, padding: 1 }, [3, 4]],
    ['stride, SAME', { filters: 3, kernel: 3, stride: 2, padding: 'same' }, [3, 2]],
    ['stride over the kernel', { filters: 2, kernel: 2, stride: 3, padding: 'same' }, [2, 3]],
    ['output padding', { filters: 2, kernel: 3, stride: [3, 2], padding: 1, outputPadding: [2, 1] }, [3, 2]],
    ['padding as wide as the kernel', { filters: 2, kernel: 2, padding: [2, 1, 2, 0] }, [4, 5]],
    ['dilation', { filters: 2, kernel: 3, dilation: 2, padding: 2, outputPadding: 1 }, [3, 3]],
    [
      'dilation, stride and padding',
      {
        filters: 2,
        kernel: [3, 2],
        dilation: [2, 3],
        stride: [3, 2],
        padding: [2, 1, 0, 2],
        outputPadding: 2,
      },
      [3, 4],
    ],
    ['without biases, tanh', { filters: 2, kernel: 2, biases: false, activation: 'tanh' }, [3, 3]],
    ['ReLU', { filters: 3, kernel: 3, stride: 2, activation: 'relu' }, [3, 3]],
    ['silu', { filters: 3, kernel: 2, stride: 2, activation: 'silu' }, [3, 2]],
  ])('%s', (_what, options, [height, width]) => {
    const errors = gradientErrors({ definition, options, inputShape: [height, width, 2] })
    for (const [name, error] of Object.entries(errors)) expect(error, name).toBeLessThan(1e-8)
  })
})

it('is the gradient of the convolution with the same options and weights', () => {
  const upTo = (max: number) => fc.integer({ min: 1, max })
  const sizes = fc.record({
    height: upTo(4),
    width: upTo(4),
    channels: upTo(3),
    filters: upTo(3),
    kernel: fc.tuple(upTo(5), upTo(5)),
    stride: fc.tuple(upTo(4), upTo(4)),
    dilation: fc.tuple(upTo(3), upTo(3)),
    padding: fc.oneof(fc.constantFrom('same' as const, 'valid' as const), fc.nat(2)),
    seed: fc.nat(),
  })
  const property = fc.property(sizes, ({ height, width, channels, filters, seed, ...window }) => {
    const values = (length: number, tensor: string) => {
      const made = new Float64Array(length)
      normal(made, { seed, tensor })
      return [...made]
    }
    const inputShape = [height, width, channels]
    const options = { filters, biases: false, ...window }
    const reach = (axis: 0 | 1) => (window.kernel[axis] - 1) * window.dilation[axis] + 1
    const isCut = (axis: 0 | 1, size: number) =>
      typeof window.padding === 'number' &&
      (size - 1) * window.stride[axis] + reach(axis) <= 2 * window.padding
    fc.pre(!isCut(0, height) && !isCut(1, width))
    const outputShape = definition.outputShape('c', options, [inputShape])
    const weights = values(window.kernel[0] * window.kernel[1] * channels * filters, 'weights')
    const convolution = {
      definition: convDefinition,
      options: { ...options, filters: channels },
      inputShape: outputShape,
      input: values(elementCount(outputShape), 'image'),
      parameters: { weights },
    }
    expect(forwardOf(convolution).shape).toEqual(inputShape)
    const input = values(elementCount(inputShape), 'input')
    const transposed = forwardOf({ definition, options, inputShape, input, parameters: { weights } })
    const gradient = backwardOf(convolution, input).input!
    transposed.values.forEach((value, i) => {
      expect(value).toBeCloseTo(gradient[i]!, 10)
    })
  })
  fc.assert(property, { numRuns: 200 })
})

it('output sizes are those of PyTorch', () => {
  const sizeOf = (options: Omit<ConvTransposeOptions, 'filters'>, height: number, width: number) =>
    definition.outputShape('c', { filters: 8, ...options }, [[height, width, 3]])
  // DCGAN's generator, U-Net's steps up, the up-sampling of FCN
  expect(sizeOf({ kernel: 4 }, 1, 1)).toEqual([4, 4, 8])
  expect(sizeOf({ kernel: 4, stride: 2, padding: 1 }, 4, 8)).toEqual([8, 16, 8])
  expect(sizeOf({ kernel: 2, stride: 2 }, 28, 14)).toEqual([56, 28, 8])
  expect(sizeOf({ kernel: 64, stride: 32 }, 16, 16)).toEqual([544, 544, 8])
  // (H - 1) * 2 - 2 + 2 * 2 + 1 + 1
  expect(sizeOf({ kernel: 3, stride: 2, padding: 1, outputPadding: 1, dilation: 2 }, 5, 6)).toEqual([
    12, 14, 8,
  ])
  expect(sizeOf({ kernel: 5, stride: [3, 1], padding: 'same' }, 5, 6)).toEqual([15, 6, 8])
})

it('parameters and FLOPs are those of the shapes', () => {
  const options: ConvTransposeOptions = { filters: 64, kernel: [4, 3], stride: 2, padding: 'same' }
  expect(definition.parameters(options, [[7, 5, 128]])).toEqual({
    weights: { shape: [4, 3, 64, 128], role: 'weights', outputAxis: 2 },
    biases: { shape: [64], role: 'biases' },
  })
  expect(Object.keys(definition.parameters({ ...options, biases: false }, [[7, 5, 128]]))).toEqual([
    'weights',
  ])
  const flops = 2 * 7 * 5 * 128 * 64 * 4 * 3
  const output = definition.outputShape('c', options, [[7, 5, 128]])
  expect(definition.flops(options, [[7, 5, 128]], output)).toEqual({
    forward: flops,
    parametersGradient: flops,
    inputGradient: flops,
  })
})

describe('is refused', () => {
  const shapeOf = (options: Omit<ConvTransposeOptions, 'filters'>, input = [2, 5, 3]) =>
    definition.outputShape('up', { filters: 1, ...options }, [input])

  it('an output padding of a stride and a dilation or more, by its axis', () => {
    expect(() => shapeOf({ kernel: 2, stride: [3, 2], outputPadding: 2 })).toThrow(
      new ShapeError(
        'up: outputPadding 2 (width) must be smaller than the larger of stride 2 and dilation 1',
      ),
    )
    expect(() => shapeOf({ kernel: 2, outputPadding: 1 })).toThrow(/^up: outputPadding 1 \(height\)/)
    expect(shapeOf({ kernel: 2, dilation: [3, 2], outputPadding: [2, 1] })).toEqual([7, 8, 1])
  })

  it("an output padding beside 'same'", () => {
    expect(() => shapeOf({ kernel: 3, stride: 2, padding: 'same', outputPadding: [0, 1] })).toThrow(
      new ShapeError(
        "up: outputPadding 1 (width) does not go with padding 'same', whose output is input x stride; " +
          'give the padding in numbers, or leave outputPadding out',
      ),
    )
    expect(shapeOf({ kernel: 3, stride: 2, padding: 'same', outputPadding: 0 })).toEqual([4, 10, 1])
  })

  it('a padding that leaves nothing', () => {
    expect(() => shapeOf({ kernel: 3, padding: [1, 3, 2, 2] })).toThrow(
      new ShapeError(
        'up: its padding 1 and 3 cuts off all of its output, whose height is 4; make the padding smaller',
      ),
    )
    expect(shapeOf({ kernel: 3, padding: [1, 2, 2, 2] })).toEqual([1, 3, 1])
  })

  it('an input that is not an image', () => {
    expect(() => shapeOf({ kernel: 3 }, [7])).toThrow(
      new ShapeError('up: its input [7] is not an image (H, W, C)'),
    )
  })

  it('options of the wrong kind, and unknown ones', () => {
    const made = (options: object) => () => convTranspose('up', { filters: 4, kernel: 3, ...options })
    expect(made({ outputPadding: -1 })).toThrow(
      new NetworkError('up: outputPadding is -1; it must be an integer from 0 or a pair of them'),
    )
    expect(made({ outputPadding: [1, 2, 3] })).toThrow(/^up: outputPadding is /)
    expect(made({ filters: 0 })).toThrow(/^up: filters is 0; it must be a positive integer/)
    expect(made({ kernel: [3, 0] })).toThrow(/^up: kernel is /)
    expect(made({ stride: 1.5 })).toThrow(/^up: stride is /)
    expect(made({ groups: 2 })).toThrow(/^up: .*groups/)
    expect(made({ biases: 'no' })).toThrow(/^up: biases is .*true or false/)
    expect(made({ outputPadding: [0, 1] })).not.toThrow()
  })
})
