import { describe, expect, expectTypeOf, it } from 'vitest'
import { NetworkError, ShapeError, UsageError } from '../errors.ts'
import { conv, dense, type Layer, l2Loss, lrn, maxPool, relu, softmaxLoss } from '../layers/index.ts'
import { elementCount } from '../tensor.ts'
import { alexnet } from './alexnet.ts'
import { alexnetFull, initialize, initializeImages, networkNamed } from './index.ts'
import { initialParameters } from './initialize.ts'
import { defineNetwork, labelClasses, type Network, outputsOf, parametersOf, shapeOf } from './network.ts'

type NamesOf<N> = N extends Network<infer Names> ? Names : never

describe('alexnet', () => {
  const network = alexnet()

  it('has the article’s shapes', () => {
    const shapes = network.printed.map((name) => [name, shapeOf(network, name)])
    expect(Object.fromEntries(shapes)).toEqual({
      conv1: [56, 56, 64],
      pool1: [27, 27, 64],
      conv2: [27, 27, 192],
      pool2: [13, 13, 192],
      conv3: [13, 13, 384],
      conv4: [13, 13, 256],
      conv5: [13, 13, 256],
      pool5: [6, 6, 256],
    })
    expect(shapeOf(network, 'images')).toEqual([224, 224, 3])
    expect(shapeOf(network, 'loss')).toEqual([])
    expect(network.printed).toEqual(Object.keys(Object.fromEntries(shapes)))
  })

  it('has 2,469,696 parameters in ten tensors', () => {
    const shapes = Object.values(parametersOf(network)).map(({ shape }) => shape)
    expect(shapes).toHaveLength(10)
    expect(shapes.reduce((sum, shape) => sum + elementCount(shape), 0)).toBe(2_469_696)
    expect(Object.keys(parametersOf(network)).slice(0, 3)).toEqual([
      'conv1/weights',
      'conv1/biases',
      'conv2/weights',
    ])
  })

  it('takes 1.316 GFLOP an image forward, 3.803 with all gradients but that of the images', () => {
    const sum = (of: 'forward' | 'parametersGradient' | 'inputGradient') =>
      network.layers
        .filter(({ inputs }) => of !== 'inputGradient' || !inputs.includes('images'))
        .reduce((total, { flops }) => total + flops[of], 0)
    const forward = sum('forward')
    expect(forward / 1e9).toBeCloseTo(1.316, 3)
    expect((forward + sum('parametersGradient') + sum('inputGradient')) / 1e9).toBeCloseTo(3.803, 3)
  })

  it('names the layer for which an image is too small', () => {
    expect(() => alexnet({ imageSize: 12 })).toThrow(ShapeError)
    // 12 -> conv1 3 -> pool1 1 -> pool2 does not fit
    expect(() => alexnet({ imageSize: 12 })).toThrow(
      /^pool2: kernel height 3 is larger than its padded input 1/,
    )
    expect(() => alexnet({ imageSize: 0 })).toThrow(/^alexnet: input 'images' is \[0,0,3\]/)
    // 67 -> 17 -> 8 -> 3 -> 1: the smallest size is one with 3 pixels before pool5
    expect(shapeOf(alexnet({ imageSize: 61 }), 'pool5')).toEqual([1, 1, 256])
    expect(() => alexnet({ imageSize: 56 })).toThrow(/^pool5: /)
  })

  it('knows its tensors’ names as types', () => {
    type Names = NamesOf<typeof network>
    expectTypeOf<'images' | 'conv1' | 'lrn2' | 'pool5' | 'loss'>().toExtend<Names>()
    expectTypeOf<'conv5/weights' | 'conv5/biases' | 'conv5/weights.gradient'>().toExtend<Names>()
    expectTypeOf<'conv6'>().not.toExtend<Names>()
    expectTypeOf<'pool5/weights'>().not.toExtend<Names>()
    expectTypeOf<'images.gradient'>().not.toExtend<Names>()
    expectTypeOf(network).toExtend<Network>()
  })

  it('is found by name, or the nearest name is', () => {
    expect(networkNamed('alexnet', { imageSize: 99 }).inputs.images).toEqual([99, 99, 3])
    expect(() => networkNamed('alexnt')).toThrow(UsageError)
    expect(() => networkNamed('alexnt')).toThrow(/^unknown network 'alexnt'; did you mean 'alexnet'\?/)
    expect(() => networkNamed('toString')).toThrow(UsageError)
  })
})

describe('alexnet-full', () => {
  const network = alexnetFull()

  it('has 61,100,840 parameters in 16 tensors', () => {
    const shapes = Object.values(parametersOf(network)).map(({ shape }) => shape)
    expect(shapes).toHaveLength(16)
    expect(shapes.reduce((sum, shape) => sum + elementCount(shape), 0)).toBe(61_100_840)
    expect(parametersOf(network)['fc6/weights']!.shape).toEqual([6 * 6 * 256, 4096])
  })

  it('begins with the tower, prints its shapes and three more, and ends with 1000 classes', () => {
    const { layers, printed } = alexnet()
    expect(network.layers.slice(0, 10)).toEqual(layers.slice(0, 10))
    expect(network.printed).toEqual([...printed, 'fc6', 'fc7', 'fc8'])
    expect(outputsOf(network)).toEqual(['fc8'])
    expect(labelClasses(network)).toEqual({ labels: 1000 })
    expect(networkNamed('alexnet-full').name).toBe('alexnet-full')
  })

  it('knows its tensors’ names as types', () => {
    type Names = NamesOf<typeof network>
    expectTypeOf<'labels' | 'dropout6' | 'fc8/weights' | 'fc6/biases.gradient'>().toExtend<Names>()
    expectTypeOf<'dropout6/weights'>().not.toExtend<Names>()
  })
})

describe('defineNetwork', () => {
  const convolution = { filters: 2, kernel: 3, padding: 'same' } as const
  const inputs = { images: [8, 8, 3] as const }

  it('a layer reads the one before it, and the first one the first input', () => {
    const network = defineNetwork('n', { inputs, layers: [conv('a', convolution), relu('b'), lrn('c')] })
    expect(network.layers.map((layer) => layer.inputs)).toEqual([['images'], ['a'], ['b']])
    expect(network.printed).toEqual(['a', 'b', 'c'])
    expect(outputsOf(network)).toEqual(['c'])
  })

  it('branches: a layer may name what it reads, and what nobody reads is an output', () => {
    const network = defineNetwork('n', {
      inputs,
      layers: [
        conv('a', convolution),
        maxPool('left', { kernel: 2, stride: 2 }),
        maxPool('right', { kernel: 4, stride: 4, inputs: ['a'] }),
        l2Loss('loss', { inputs: ['left'] }),
        relu('end'),
      ],
    })
    expect(network.layers.map((layer) => layer.inputs)).toEqual([
      ['images'],
      ['a'],
      ['a'],
      ['left'],
      ['right'],
    ])
    expect(shapeOf(network, 'end')).toEqual([2, 2, 2])
    // a loss is no reader: forward alone leaves it out
    expect(outputsOf(network)).toEqual(['left', 'end'])
    expect(network.printed).toEqual(['a', 'left', 'right', 'end'])
  })

  it.each<[string, unknown, typeof NetworkError | typeof ShapeError, string | RegExp]>([
    ['no inputs', { inputs: {}, layers: [relu('a')] }, NetworkError, 'n: it has no inputs'],
    ['no layers', { inputs, layers: [] }, NetworkError, 'n: it has no layers'],
    [
      'an input that is no image',
      { inputs: { x: [5] }, layers: [relu('a')] },
      ShapeError,
      /^n: input 'x' is \[5\]/,
    ],
    [
      'a layer of two inputs with one',
      { inputs, layers: [{ kind: 'softmax-loss', name: 'a', options: {} }] },
      NetworkError,
      'a: a softmax-loss layer has 2 inputs, not 1',
    ],
    [
      'labels that are images',
      { inputs, layers: [dense('a', { units: 2 }), softmaxLoss('b', { inputs: ['a', 'images'] })] },
      ShapeError,
      'b: its labels are [8, 8, 3]',
    ],
    [
      'a negative input',
      { inputs: { x: [5, -1, 3] }, layers: [relu('a')] },
      ShapeError,
      /^n: input 'x' is \[5,-1,3\]/,
    ],
    [
      'two layers of a name',
      { inputs, layers: [relu('a'), relu('a')] },
      NetworkError,
      /two tensors are called 'a'/,
    ],
    [
      'an input’s name',
      { inputs, layers: [relu('images')] },
      NetworkError,
      /two tensors are called 'images'/,
    ],
    ['an empty name', { inputs, layers: [relu('')] }, NetworkError, /^n: the name '' is not letters/],
    [
      'a slash in a name',
      { inputs, layers: [relu('a/b')] },
      NetworkError,
      /^n: the name 'a\/b' is not letters/,
    ],
    ['a gradient’s name', { inputs, layers: [relu('a.gradient')] }, NetworkError, /^n: 'a.gradient': /],
    [
      'an input from nowhere',
      { inputs, layers: [relu('a', { inputs: ['image'] })] },
      NetworkError,
      /^a: unknown input 'image'; did you mean 'images'\? \(images\); it must stand above$/,
    ],
    [
      'an input from below',
      { inputs, layers: [relu('a', { inputs: ['b'] }), relu('b')] },
      NetworkError,
      /^a: unknown input 'b'/,
    ],
    [
      'two inputs',
      { inputs, layers: [relu('a', { inputs: ['images', 'images'] })] },
      NetworkError,
      'a: a relu layer has 1 input, not 2',
    ],
    [
      'no input',
      { inputs, layers: [relu('a', { inputs: [] })] },
      NetworkError,
      'a: a relu layer has 1 input, not 0',
    ],
    [
      'a reader of a loss',
      { inputs, layers: [l2Loss('loss'), relu('a', { inputs: ['loss'] })] },
      NetworkError,
      "a: its input 'loss' is a loss, which ends a network",
    ],
    [
      'an unknown kind',
      { inputs, layers: [{ kind: 'rellu', name: 'a', options: {} }] },
      NetworkError,
      /^a: unknown layer kind 'rellu'; did you mean 'relu'/,
    ],
    [
      'an option out of range',
      { inputs, layers: [conv('a', { ...convolution, filters: 0 })] },
      NetworkError,
      'a: filters is 0; it must be a positive integer',
    ],
    [
      'a kernel too large',
      { inputs, layers: [maxPool('a', { kernel: 9 })] },
      ShapeError,
      /^a: kernel height 9/,
    ],
    [
      'an image of a loss',
      { inputs, layers: [relu('a')], printed: ['b'] },
      NetworkError,
      /^n: unknown printed tensor 'b'/,
    ],
  ])('%s is refused', (_what, definition, kind, message) => {
    const define = () => defineNetwork('n', definition as { inputs: typeof inputs; layers: readonly Layer[] })
    expect(define).toThrow(kind)
    expect(define).toThrow(message)
  })

  it('shapeOf names what is not there', () => {
    expect(() => shapeOf(alexnet(), 'conv6')).toThrow(/^alexnet: unknown tensor 'conv6'; did you mean 'conv/)
  })
})

describe('initialize', () => {
  const network = defineNetwork('n', {
    inputs: { images: [9, 9, 3] },
    layers: [conv('a', { filters: 8, kernel: 3 }), conv('b', { filters: 8, kernel: 3 })],
  })

  it('weights within 2 sd, biases 0, by name, the same again', () => {
    const parameters = initialize(network, { seed: 7 })
    expect(Object.keys(parameters)).toEqual(['a/weights', 'a/biases', 'b/weights', 'b/biases'])
    expect(parameters['a/weights']).toHaveLength(3 * 3 * 3 * 8)
    expect(
      parameters['a/weights']!.every((value) => value !== 0 && Math.abs(value) <= Math.fround(0.2)),
    ).toBe(true)
    expect(parameters['a/biases']).toEqual(new Float32Array(8))
    expect(initialize(network, { seed: 7 })).toEqual(parameters)
    expect(initialize(network, { seed: 8 })['a/weights']).not.toEqual(parameters['a/weights'])
    const tenfold = initialize(network, { seed: 7, sd: 1 })['b/weights']!
    expect(tenfold[5]! / parameters['b/weights']![5]!).toBeCloseTo(10, 5)
  })

  it('images all differ, and a larger batch begins with the smaller', () => {
    const { images } = initializeImages(network, 3, { seed: 7 })
    expect(images).toHaveLength(3 * 9 * 9 * 3)
    expect(images!.slice(0, 243)).not.toEqual(images!.slice(243, 486))
    expect(initializeImages(network, 2, { seed: 7 }).images).toEqual(images!.subarray(0, 486))
  })

  it('labels are classes, each as likely as another, and a larger batch begins with the smaller', () => {
    const classes = defineNetwork('n', {
      inputs: { images: [2, 2, 1], labels: [] },
      layers: [dense('a', { units: 5 }), softmaxLoss('loss', { inputs: ['a', 'labels'] })],
    })
    const { labels } = initializeImages(classes, 5000, { seed: 7 })
    for (let label = 0; label < 5; label++) {
      const count = labels!.filter((value) => value === label).length
      expect(Math.abs(count - 1000)).toBeLessThan(5 * Math.sqrt(5000 * 0.2 * 0.8))
    }
    expect(initializeImages(classes, 10, { seed: 7 }).labels).toEqual(labels!.subarray(0, 10))
  })

  it('any stretch of a tensor is made as in the whole', () => {
    const whole = initialize(network, { seed: 7 })
    for (const { name, length, fill } of initialParameters(network, { seed: 7 })) {
      const part = new Float32Array(Math.ceil(length / 2))
      fill(part, length - part.length)
      expect(part).toEqual(whole[name]!.subarray(length - part.length))
    }
  })
})
