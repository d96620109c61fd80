import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { gradientErrors } from '../../test/support/finite-differences.ts'
import { backwardOf, forwardOf, type LayerCase } from '../../test/support/layers.ts'
import { NetworkError, ShapeError } from '../errors.ts'
import { type ConvOptions, conv, convDefinition } from './conv.ts'
import { windowGeometry } from './window.ts'

const definition = convDefinition

describe('forward, by hand', () => {
  // 3 x 3 image
  //   1 2 3
  //   4 5 6
  //   7 8 9
  // 2 x 2 kernel, one channel, one filter
  //   1  2
  //   3  4
  const image = {
    definition,
    inputShape: [3, 3, 1],
    input: [1, 2, 3, 4, 5, 6, 7, 8, 9],
    parameters: { weights: [1, 2, 3, 4], biases: [100] },
  }

  it('VALID: not flipped, bias added', () => {
    // first: 1*1 + 2*2 + 4*3 + 5*4 = 37; right: 2 + 6 + 15 + 24 = 47; below: 4 + 10 + 21 + 32 = 67; 5+12+24+36 = 77
    const layer = { ...image, options: { filters: 1, kernel: 2 } }
    expect(forwardOf(layer)).toEqual({ shape: [2, 2, 1], values: [137, 147, 167, 177] })
  })

  it('SAME: an even kernel is padded after, at the bottom and at the right', () => {
    // right column: 3*1 + 6*3 = 21 and 6 + 27 = 33; bottom row: 7 + 16 = 23 and 8 + 18 = 26; corner: 9
    const layer: LayerCase<ConvOptions> = { ...image, options: { filters: 1, kernel: 2, padding: 'same' } }
    expect(forwardOf(layer)).toEqual({
      shape: [3, 3, 1],
      values: [137, 147, 121, 167, 177, 133, 123, 126, 109],
    })
  })

  it('explicit padding, each side its own', () => {
    // one row above: (0 0 / 1 2) = 3 + 8 = 11 and (0 0 / 2 3) = 6 + 12 = 18; one column at the left of it: 4*1 = 4
    const padding = { top: 1, bottom: 0, left: 1, right: 0 }
    const layer = { ...image, options: { filters: 1, kernel: 2, padding } }
    // left column: 1*2 + 4*4 = 18 and 4*2 + 7*4 = 36
    expect(forwardOf(layer)).toEqual({
      shape: [3, 3, 1],
      values: [104, 111, 118, 118, 137, 147, 136, 167, 177],
    })
  })

  it('stride over the kernel leaves pixels out', () => {
    // 1 x 1 kernel, stride 2: the corners
    const layer = {
      ...image,
      parameters: { weights: [2], biases: [0] },
      options: { filters: 1, kernel: 1, stride: 2 },
    }
    expect(forwardOf(layer)).toEqual({ shape: [2, 2, 1], values: [2, 6, 14, 18] })
  })

  it('dilation: taps lie apart, and the padding of SAME goes by how far they reach', () => {
    // 2 x 2 taps two apart: the corners, 1*1 + 2*3 + 3*7 + 4*9 = 64
    const layer = { ...image, options: { filters: 1, kernel: 2, dilation: 2 } }
    expect(forwardOf(layer)).toEqual({ shape: [1, 1, 1], values: [164] })
    // One row, two columns apart: 1*1 + 2*3 and so on, of 1 x 2 taps
    const flat = {
      ...image,
      parameters: { weights: [1, 2], biases: [0] },
      options: { filters: 1, kernel: [1, 2] as const, dilation: [5, 2] as const, padding: 'same' as const },
    }
    // Reach 3: one column of padding on either side: (0 2) (1 3) (2 0)
    expect(forwardOf(flat)).toEqual({ shape: [3, 3, 1], values: [4, 7, 2, 10, 16, 5, 16, 25, 8] })
  })

  it('without biases the sums are all', () => {
    const options = { filters: 1, kernel: 2, biases: false }
    const layer = { ...image, options, parameters: { weights: [1, 2, 3, 4] } }
    expect(forwardOf(layer).values).toEqual([37, 47, 67, 77])
    expect(Object.keys(definition.parameters(options, [[3, 3, 1]]))).toEqual(['weights'])
    expect(backwardOf(layer, [1, 0, 0, 0])).toEqual({
      weights: [1, 2, 4, 5],
      input: [1, 2, 0, 3, 4, 0, 0, 0, 0],
    })
  })

  it('channels are summed, filters are the last axis of the weights, images stay apart', () => {
    // one pixel of two channels, weights (1, 1, 2, 3): filter f is x0 w[0, f] + x1 w[1, f]
    const layer = {
      definition,
      inputShape: [1, 1, 2],
      input: [1, 10, 2, 20],
      batch: 2,
      parameters: { weights: [1, 2, 3, 4, 5, 6], biases: [0, 0, 1000] },
      options: { filters: 3, kernel: 1 },
    }
    expect(forwardOf(layer).values).toEqual([41, 52, 1063, 82, 104, 1126])
  })

  it('groups: a filter reads only the channels of its own group, and a NaN stays in its group', () => {
    // One pixel of four channels in two groups, of two filters each: row c of the weights has channel c of either group
    const layer: LayerCase<ConvOptions> = {
      definition,
      inputShape: [1, 1, 4],
      input: [1, 10, Number.NaN, 2],
      parameters: { weights: [1, 2, 0, 0, 3, 4, 0, 0], biases: [100, 200, 0, 0] },
      options: { filters: 4, kernel: 1, groups: 2 },
    }
    expect(forwardOf(layer).values).toEqual([131, 242, Number.NaN, Number.NaN])
  })

  it('depthwise with two filters a channel: channel 0 has filters 0 and 1', () => {
    const layer: LayerCase<ConvOptions> = {
      definition,
      inputShape: [1, 2, 2],
      input: [1, 10, 2, 20],
      parameters: { weights: [1, 2, 3, 4, 5, 6, 7, 8], biases: [0, 0, 0, 1000] },
      options: { filters: 4, kernel: [1, 2], groups: 2 },
    }
    // 1*1 + 2*5, 1*2 + 2*6, 10*3 + 20*7, 10*4 + 20*8
    expect(forwardOf(layer).values).toEqual([11, 14, 170, 1200])
    expect(backwardOf(layer, [1, 10, 100, 1000])).toEqual({
      weights: [1, 10, 1000, 10000, 2, 20, 2000, 20000],
      biases: [1, 10, 100, 1000],
      input: [1 + 20, 300 + 4000, 5 + 60, 700 + 8000],
    })
  })

  it('ReLU comes after the bias and keeps NaN', () => {
    const layer: LayerCase<ConvOptions> = {
      definition,
      inputShape: [1, 4, 1],
      input: [1, 2, 3, Number.NaN],
      parameters: { weights: [1], biases: [-2] },
      options: { filters: 1, kernel: 1, activation: 'relu' },
    }
    expect(forwardOf(layer).values).toEqual([0, 0, 1, Number.NaN])
  })
})

describe('backward, by hand', () => {
  it('VALID on a row of three', () => {
    // y0 = 1 a + 2 b, y1 = 2 a + 3 b with a = 10, b = 20 and dy = (1, 100)
    const layer = {
      definition,
      inputShape: [1, 3, 1],
      input: [1, 2, 3],
      parameters: { weights: [10, 20], biases: [0] },
      options: { filters: 1, kernel: [1, 2] as const },
    }
    expect(backwardOf(layer, [1, 100])).toEqual({
      weights: [1 * 1 + 100 * 2, 1 * 2 + 100 * 3],
      biases: [101],
      input: [10, 20 + 100 * 10, 100 * 20],
    })
    // added to what is there, as a tensor with two readers needs it
    expect(backwardOf(layer, [1, 100], 5).input).toEqual([15, 1025, 2005])
  })

  it('ReLU stops the gradient at 0 too', () => {
    // sums -1, 0, 1: only the last passes
    const layer: LayerCase<ConvOptions> = {
      definition,
      inputShape: [1, 3, 1],
      input: [1, 2, 3],
      parameters: { weights: [1], biases: [-2] },
      options: { filters: 1, kernel: 1, activation: 'relu' },
    }
    expect(backwardOf(layer, [10, 20, 30])).toEqual({ weights: [90], biases: [30], input: [0, 0, 30] })
  })
})

describe('backward against finite differences', () => {
  const sides = { top: 2, bottom: 0, left: 1, right: 3 }
  it.each<[string, ConvOptions, [number, number], number?]>([
    ['VALID', { filters: 3, kernel: 3 }, [5, 6]],
    ['SAME', { filters: 3, kernel: 3, padding: 'same' }, [5, 6]],
    ['SAME, even kernel', { filters: 2, kernel: 4, padding: 'same' }, [5, 6]],
    ['SAME, stride 2', { filters: 2, kernel: 3, stride: 2, padding: 'same' }, [6, 7]],
    ['SAME, stride 4, as conv1', { filters: 2, kernel: 11, stride: 4, padding: 'same' }, [12, 12]],
    ['explicit padding', { filters: 2, kernel: [2, 3], padding: sides }, [4, 5]],
    ['padding as wide as the kernel', { filters: 2, kernel: 2, padding: 2 }, [3, 3]],
    ['stride that leaves a rest', { filters: 2, kernel: 2, stride: [2, 3] }, [5, 7]],
    ['stride over the kernel', { filters: 2, kernel: 2, stride: 3 }, [7, 8]],
    ['kernel larger than the image', { filters: 2, kernel: 5, padding: 'same' }, [2, 3]],
    ['ReLU', { filters: 3, kernel: 3, padding: 'same', activation: 'relu' }, [5, 6]],
    ['sigmoid', { filters: 3, kernel: 3, activation: 'sigmoid' }, [5, 6]],
    ['tanh', { filters: 3, kernel: 3, activation: 'tanh' }, [5, 6]],
    ['dilation', { filters: 2, kernel: 3, dilation: 2 }, [6, 7]],
    [
      'dilation, stride and padding',
      { filters: 2, kernel: [3, 2], dilation: [2, 3], stride: [3, 2], padding: [2, 1, 0, 2] },
      [7, 6],
    ],
    ['dilation, SAME', { filters: 2, kernel: 3, dilation: 3, padding: 'same', biases: false }, [5, 4]],
    ['without biases', { filters: 2, kernel: 2, biases: false, activation: 'tanh' }, [4, 4]],
    ['ReLU, stride 2', { filters: 3, kernel: 3, stride: 2, activation: 'relu' }, [6, 7]],
    ['depthwise', { filters: 2, kernel: 3, groups: 2, padding: 'same' }, [5, 4]],
    ['depthwise, two filters a channel', { filters: 4, kernel: [2, 3], groups: 2, stride: 2 }, [5, 6]],
    [
      'depthwise, dilated',
      { filters: 2, kernel: 3, groups: 2, dilation: 2, padding: 2, activation: 'tanh' },
      [4, 5],
    ],
    ['two groups', { filters: 4, kernel: 2, groups: 2, stride: 2, padding: 1 }, [4, 5], 6],
    ['three groups of unequal ends', { filters: 3, kernel: [1, 3], groups: 3, padding: 'same' }, [3, 4], 6],
  ])('%s', (_what, options, [height, width], channels = 2) => {
    const errors = gradientErrors({ definition, options, inputShape: [height, width, channels] })
    for (const [name, error] of Object.entries(errors)) expect(error, name).toBeLessThan(1e-8)
  })
})

describe('the window', () => {
  const sizes = fc.record({ input: fc.integer({ min: 1, max: 40 }), kernel: fc.integer({ min: 1, max: 12 }) })

  it('SAME: out = ceil(in / stride), and the last window ends where input and padding do', () => {
    fc.assert(
      fc.property(sizes, fc.integer({ min: 1, max: 6 }), ({ input, kernel }, stride) => {
        const { outputHeight, top, bottom } = windowGeometry(
          'w',
          { kernel, stride, padding: 'same' },
          input,
          1,
        )
        expect(outputHeight).toBe(Math.ceil(input / stride))
        expect([0, 1]).toContain(bottom - top)
        const end = (outputHeight - 1) * stride + kernel
        if (top + bottom > 0) expect(end).toBe(input + top + bottom)
        else expect(end).toBeLessThanOrEqual(input)
      }),
    )
  })

  it('SAME of conv1: 3 before, 4 after', () => {
    const geometry = windowGeometry('conv1', { kernel: 11, stride: 4, padding: 'same' }, 224, 224)
    expect(geometry).toMatchObject({
      top: 3,
      bottom: 4,
      left: 3,
      right: 4,
      outputHeight: 56,
      outputWidth: 56,
    })
  })

  it('otherwise: as many windows as fit', () => {
    fc.assert(
      fc.property(sizes, fc.integer({ min: 1, max: 6 }), fc.nat(4), ({ input, kernel }, stride, padding) => {
        fc.pre(kernel <= input + 2 * padding)
        const { outputWidth } = windowGeometry('w', { kernel: [1, kernel], stride, padding }, 1, input)
        const end = (outputWidth - 1) * stride + kernel
        expect(end).toBeLessThanOrEqual(input + 2 * padding)
        expect(end + stride).toBeGreaterThan(input + 2 * padding)
      }),
    )
  })

  it('a dilated kernel that is too large is refused by how far it reaches', () => {
    expect(() =>
      definition.outputShape('conv1', { filters: 1, kernel: 3, dilation: 2 }, [[4, 9, 1]]),
    ).toThrow(/^conv1: kernel height 5 is larger than its padded input 4/)
    const options = { filters: 1, kernel: 3, dilation: [1, 4] as const }
    expect(() => definition.outputShape('conv1', options, [[4, 8, 1]])).toThrow(/^conv1: kernel width 9/)
    expect(definition.outputShape('conv1', options, [[4, 9, 1]])).toEqual([2, 1, 1])
  })

  it('says by name when nothing fits', () => {
    expect(() =>
      definition.outputShape('conv1', { filters: 1, kernel: 11, padding: 1 }, [[6, 20, 3]]),
    ).toThrow(
      new ShapeError(
        'conv1: kernel height 11 is larger than its padded input 8 (input 6, padding 1 and 1); ' +
          'enlarge the input or the padding',
      ),
    )
    expect(() => definition.outputShape('conv1', { filters: 1, kernel: 1 }, [[5]])).toThrow(
      /^conv1: its input \[5\]/,
    )
  })
})

it('parameters and FLOPs are those of the shapes', () => {
  const options: ConvOptions = { filters: 64, kernel: 11, stride: 4, padding: 'same' }
  expect(definition.parameters(options, [[224, 224, 3]])).toEqual({
    weights: { shape: [11, 11, 3, 64], role: 'weights' },
    biases: { shape: [64], role: 'biases' },
  })
  const flops = 2 * 56 * 56 * 64 * 11 * 11 * 3
  expect(definition.flops(options, [[224, 224, 3]], [56, 56, 64])).toEqual({
    forward: flops,
    parametersGradient: flops,
    inputGradient: flops,
  })
})

it('with groups, weights and FLOPs are those of the channels of a group', () => {
  const options: ConvOptions = { filters: 128, kernel: 3, groups: 32, padding: 1, biases: false }
  expect(definition.parameters(options, [[56, 56, 64]])).toEqual({
    weights: { shape: [3, 3, 2, 128], role: 'weights' },
  })
  expect(definition.flops(options, [[56, 56, 64]], [56, 56, 128]).forward).toBe(2 * 56 * 56 * 128 * 9 * 2)
})

it.each([
  [
    { filters: 6, kernel: 1, groups: 4 },
    'conv1: groups 4 must divide both its 6 input channels and its 6 filters',
  ],
  [
    { filters: 8, kernel: 1, groups: 4 },
    'conv1: groups 4 must divide both its 6 input channels and its 8 filters',
  ],
  [
    { filters: 4, kernel: 1, groups: 3 },
    'conv1: groups 3 must divide both its 6 input channels and its 4 filters',
  ],
])('groups that do not divide channels and filters are refused: %o', (options, message) => {
  expect(() => definition.outputShape('conv1', options, [[5, 5, 6]])).toThrow(new ShapeError(message))
})

it.each<[string, unknown, RegExp]>([
  ['no filters', { kernel: 3 }, /^conv1: filters is missing; it must be a positive integer$/],
  ['half a filter', { kernel: 3, filters: 0.5 }, /^conv1: filters is 0.5/],
  [
    'no kernel',
    { filters: 1 },
    /^conv1: kernel is missing; it must be a positive integer or a pair of them$/,
  ],
  ['three extents', { filters: 1, kernel: [1, 2, 3] }, /^conv1: kernel is \[1,2,3\]/],
  [
    'dilation 0',
    { filters: 1, kernel: 1, dilation: 0 },
    /^conv1: dilation is 0; it must be a positive integer/,
  ],
  ['groups 0', { filters: 1, kernel: 1, groups: 0 }, /^conv1: groups is 0; it must be a positive integer$/],
  ['half a group', { filters: 1, kernel: 1, groups: 0.5 }, /^conv1: groups is 0.5/],
  [
    'biases of text',
    { filters: 1, kernel: 1, biases: 'no' },
    /^conv1: biases is 'no'; it must be true or false$/,
  ],
  [
    'three paddings',
    { filters: 1, kernel: 1, padding: [1, 1, 1] },
    /^conv1: padding is \[1,1,1\]; it must be \[vertical, horizontal\] or \[top, bottom, left, right\]/,
  ],
  ['stride 0', { filters: 1, kernel: 1, stride: 0 }, /^conv1: stride is 0/],
  ['padding -1', { filters: 1, kernel: 1, padding: -1 }, /^conv1: padding is -1/],
  [
    'a side missing',
    { filters: 1, kernel: 1, padding: { top: 1, bottom: 1, left: 1 } },
    /^conv1: padding.right is missing; it must be an integer from 0/,
  ],
  [
    'an unknown padding',
    { filters: 1, kernel: 1, padding: 'full' },
    /^conv1: padding is 'full'; it must be 'same'/,
  ],
  [
    'an unknown activation',
    { filters: 1, kernel: 1, activation: 'maxout' },
    /^conv1: unknown activation 'maxout'/,
  ],
])('%s is refused', (_what, options, message) => {
  expect(() => conv('conv1', options as ConvOptions)).toThrow(NetworkError)
  expect(() => conv('conv1', options as ConvOptions)).toThrow(message)
})

it('a layer is plain data', () => {
  const layer = conv('conv1', { inputs: ['images'], filters: 1, kernel: 3 })
  expect(layer).toEqual({
    kind: 'conv',
    name: 'conv1',
    inputs: ['images'],
    options: { filters: 1, kernel: 3 },
  })
  expect(structuredClone(layer)).toEqual(layer)
})
