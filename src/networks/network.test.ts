import { describe, expect, expectTypeOf, it } from 'vitest'
import { NetworkError, ShapeError, UsageError } from '../errors.ts'
import {
  add,
  concat,
  conv,
  dense,
  dropout,
  globalMaxPool,
  type Layer,
  l2Loss,
  lrn,
  maxPool,
  pad,
  relu,
  sigmoid,
  softmaxLoss,
} from '../layers/index.ts'
import { elementCount } from '../tensor.ts'
import { alexnet } from './alexnet.ts'
import {
  alexnetCifar10,
  alexnetFull,
  alexnetTorchvision,
  initialize,
  initializeForTraining,
  initializeImages,
  lenet,
  networkCounts,
  networkNamed,
  networks,
  weightDecays,
} from './index.ts'
import { initialParameters, trainingParameters } from './initialize.ts'
import { TRAINABLE_NETWORK_NAMES } from './names.ts'
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
    expect(() => alexnet({ imageSize: 0 })).toThrow(/^alexnet: imageSize is 0; it must be a positive integer/)
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

describe('networks to train', () => {
  const shapesOf = (network: Network) => network.printed.map((name) => shapeOf(network, name))
  const countOf = (network: Network) => networkCounts(network).parameters

  it('lenet', () => {
    const network = lenet()
    expect(shapesOf(network)).toEqual([[28, 28, 32], [14, 14, 32], [14, 14, 64], [7, 7, 64], [512], [10]])
    expect(countOf(network)).toBe(1_663_370)
    expect(labelClasses(network)).toEqual({ labels: 10 })
    expectTypeOf<'images' | 'labels' | 'dropout4' | 'fc4/weights'>().toExtend<NamesOf<typeof network>>()
  })

  it('alexnet-cifar10', () => {
    const network = alexnetCifar10()
    expect(shapesOf(network)).toEqual([
      [24, 24, 64],
      [12, 12, 64],
      [12, 12, 64],
      [6, 6, 64],
      [384],
      [192],
      [10],
    ])
    expect(network.layers.map(({ layer }) => layer.name).slice(0, 6)).toEqual([
      ...['conv1', 'pool1', 'lrn1', 'conv2', 'lrn2', 'pool2'],
    ])
    expect(countOf(network)).toBe(1_068_298)
  })

  it('alexnet-torchvision', () => {
    const network = alexnetTorchvision()
    expect(shapesOf(network)).toEqual([
      [55, 55, 64],
      [27, 27, 64],
      [27, 27, 192],
      [13, 13, 192],
      [13, 13, 384],
      [13, 13, 256],
      [13, 13, 256],
      [6, 6, 256],
      [4096],
      [4096],
      [1000],
    ])
    expect(countOf(network)).toBe(61_100_840)
    // 63 -> 15 -> 7 -> 3 -> 1
    expect(shapeOf(alexnetTorchvision({ imageSize: 63 }), 'pool5')).toEqual([1, 1, 256])
    expect(() => alexnetTorchvision({ imageSize: 62 })).toThrow(/^pool5: /)
  })

  it.each(Object.entries(networks))('%s is found by its name, and ends in a loss', (name, factory) => {
    const network = factory({})
    expect(network.name).toBe(name)
    expect(network.layers.at(-1)!.isLoss).toBe(true)
    expect(network.layers.filter(({ isLoss }) => isLoss)).toHaveLength(1)
  })

  it.each(TRAINABLE_NETWORK_NAMES)('%s with 7 classes', (name) => {
    expect(labelClasses(networkNamed(name, { classes: 7 }))).toEqual({ labels: 7 })
    expect(() => networkNamed(name, { classes: 0 })).toThrow(`${name}: classes is 0; it must be`)
  })

  it.each(Object.keys(networks))('%s refuses options that it does not know', (name) => {
    expect(() => networkNamed(name, { imagesize: 99 } as never)).toThrow(
      new RegExp(`^${name}: unknown option 'imagesize'; did you mean 'imageSize'`),
    )
  })

  it.each(Object.keys(networks))('%s with another activation has none of its own but gates', (name) => {
    const activations = ({ layers }: Network) =>
      layers.flatMap(({ layer }) => ('activation' in layer.options ? [layer.options.activation] : []))
    const own = activations(networkNamed(name))
    const others: Readonly<Record<string, readonly string[]>> = {
      'mobilenet-v2': ['relu6'],
      'mobilenet-v3-large': ['hard-swish', 'relu', 'hard-sigmoid'],
      'efficientnet-b0': ['silu', 'sigmoid'],
      'convnext-tiny': ['gelu'],
    }
    expect(new Set(own)).toEqual(new Set(others[name] ?? ['relu']))
    const isGate = (activation: unknown) => activation === 'sigmoid' || activation === 'hard-sigmoid'
    expect(activations(networkNamed(name, { activation: 'tanh' }))).toEqual(
      own.map((each) => (isGate(each) ? each : 'tanh')),
    )
    expect(() => networkNamed(name, { activation: 'step' as never })).toThrow(
      `${name}: unknown activation 'step' (`,
    )
  })

  it('leaves parts out, and what is behind them reads what is before them', () => {
    const network = alexnetFull({ without: ['lrn', 'dropout', 'overlap'] })
    const kinds = network.layers.map(({ layer }) => layer.kind)
    expect(kinds).not.toContain('lrn')
    expect(kinds).not.toContain('dropout')
    expect(network.layers.find(({ layer }) => layer.name === 'pool1')!.inputs).toEqual(['conv1'])
    expect(network.layers.find(({ layer }) => layer.name === 'fc6')!.inputs).toEqual(['pool5'])
    const pools = network.layers.flatMap(({ layer }) => (layer.kind === 'max-pool' ? [layer.options] : []))
    expect(pools).toEqual(Array(3).fill({ kernel: 2, stride: 2, padding: 'valid' }))
    expect(shapeOf(network, 'pool5')).toEqual([7, 7, 256])
    const whole = alexnetFull().layers.map(({ layer }) => layer.name)
    const left = network.layers.map(({ layer }) => layer.name)
    expect(whole.filter((name) => !left.includes(name))).toEqual(['lrn1', 'lrn2', 'dropout6', 'dropout7'])
  })

  it.each<[string, string, string]>([
    ['lenet', 'lrn', 'lenet: it has no lrn to leave out; it has dropout'],
    ['lenet', 'overlap', 'lenet: it has no overlap to leave out; it has dropout'],
    ['alexnet-cifar10', 'dropout', 'alexnet-cifar10: it has no dropout to leave out; it has lrn and overlap'],
    ['vgg16', 'overlap', 'vgg16: it has no overlap to leave out; it has dropout'],
    ['googlenet', 'lrn', 'googlenet: it has no lrn to leave out; it has dropout and overlap'],
    ['resnet50', 'dropout', 'resnet50: it has no dropout to leave out; it has overlap'],
    [
      'resnet20-cifar',
      'overlap',
      'resnet20-cifar: it has no overlap to leave out; it has nothing that can be left out',
    ],
    [
      'alexnet',
      'drpout',
      "unknown part to leave out 'drpout'; did you mean 'dropout'? (lrn, dropout, overlap)",
    ],
  ])('%s without %s is refused', (name, part, message) => {
    expect(() => networkNamed(name, { without: [part as never] })).toThrow(new UsageError(message))
  })

  it('the tower has no classes', () => {
    expect(() => networkNamed('alexnet', { classes: 10 })).toThrow(/^alexnet: it has no classes/)
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
    // a loss does not count as a reader, since the pass forward leaves it out
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
      'a: a layer of the kind softmax-loss has 2 inputs, not 1',
    ],
    [
      'labels that are images',
      { inputs, layers: [dense('a', { units: 2 }), softmaxLoss('b', { inputs: ['a', 'images'] })] },
      ShapeError,
      'b: its labels are [8, 8, 3]',
    ],
    [
      'labels that a layer makes',
      {
        inputs: { ...inputs, labels: [] },
        layers: [
          dense('a', { units: 2 }),
          relu('b', { inputs: ['labels'] }),
          softmaxLoss('c', { inputs: ['a', 'b'] }),
        ],
      },
      NetworkError,
      "c: its labels 'b' are made by a layer; they must be an input of the network, of shape []",
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
    [
      'an empty name',
      { inputs, layers: [relu('')] },
      NetworkError,
      /^n: the name '' may contain only letters/,
    ],
    [
      'a space in a name',
      { inputs, layers: [relu('a b')] },
      NetworkError,
      /^n: the name 'a b' may contain only letters/,
    ],
    [
      'a layer that is called as a parameter is',
      { inputs, layers: [conv('a', { filters: 1, kernel: 1 }), relu('a/weights')] },
      NetworkError,
      "n: two tensors are called 'a/weights'; rename one",
    ],
    [
      'a parameter that is called as a layer is',
      { inputs, layers: [relu('a/weights'), conv('a', { filters: 1, kernel: 1 })] },
      NetworkError,
      "n: two tensors are called 'a/weights'; rename one",
    ],
    ['a gradient’s name', { inputs, layers: [relu('a.gradient')] }, NetworkError, /^n: 'a.gradient': /],
    [
      'an input from nowhere',
      { inputs, layers: [relu('a', { inputs: ['image'] })] },
      NetworkError,
      /^a: unknown input 'image'; did you mean 'images'\? \(images\)$/,
    ],
    [
      'an input from below',
      { inputs, layers: [relu('a', { inputs: ['b'] }), relu('b')] },
      NetworkError,
      "a: it reads 'b', which comes after it; a layer may read only what comes before it",
    ],
    [
      'a cycle',
      { inputs, layers: [relu('a'), add('b', { inputs: ['a', 'c'] }), relu('c')] },
      NetworkError,
      "b: it reads 'c', which comes after it; a layer may read only what comes before it",
    ],
    [
      'a layer that reads itself',
      { inputs, layers: [relu('a'), add('b', { inputs: ['a', 'b'] })] },
      NetworkError,
      'b: it reads itself; a layer may read only what comes before it, so that no layer depends on itself',
    ],
    [
      'an input that nobody reads',
      { inputs: { ...inputs, labels: [] }, layers: [relu('a')] },
      NetworkError,
      "n: input 'labels' is read by no layer; leave it out, or let a layer read it",
    ],
    [
      'a sum of one',
      { inputs, layers: [add('a', { inputs: ['images'] })] },
      NetworkError,
      'a: a layer of the kind add has at least 2 inputs, not 1',
    ],
    [
      'a sum without named inputs',
      { inputs, layers: [{ kind: 'add', name: 'a', options: {} }] },
      NetworkError,
      'a: a layer of the kind add has at least 2 inputs, not 1',
    ],
    [
      'a concatenation of nothing',
      { inputs, layers: [concat('a', { inputs: [] })] },
      NetworkError,
      'a: a layer of the kind concat has at least 1 input, not 0',
    ],
    [
      'a sum of other channels',
      { inputs, layers: [conv('a', convolution), add('b', { inputs: ['images', 'a'] })] },
      ShapeError,
      "b: [8, 8, 3] and [8, 8, 2] can't be added; its inputs must have the same shape",
    ],
    [
      'a sum of an image and a vector of as many values',
      { inputs, layers: [dense('a', { units: 192 }), add('b', { inputs: ['images', 'a'] })] },
      ShapeError,
      "b: [8, 8, 3] and [192] can't be added; its inputs must have the same shape",
    ],
    [
      'a concatenation of other heights',
      { inputs, layers: [maxPool('a', { kernel: 2, stride: 2 }), concat('b', { inputs: ['images', 'a'] })] },
      ShapeError,
      "b: [8, 8, 3] and [4, 4, 3] can't be concatenated along channels; height and width must be the same",
    ],
    [
      'a concatenation of an image and a vector',
      { inputs, layers: [dense('a', { units: 3 }), concat('b', { inputs: ['images', 'a'] })] },
      ShapeError,
      "b: [8, 8, 3] and [3] can't be concatenated along channels",
    ],
    [
      'a concatenation of labels',
      { inputs: { labels: [] }, layers: [concat('a', { inputs: ['labels'] })] },
      ShapeError,
      'a: one number an image has no channels to concatenate',
    ],
    [
      'two inputs',
      { inputs, layers: [relu('a', { inputs: ['images', 'images'] })] },
      NetworkError,
      'a: a layer of the kind relu has 1 input, not 2',
    ],
    [
      'no input',
      { inputs, layers: [relu('a', { inputs: [] })] },
      NetworkError,
      'a: a layer of the kind relu has 1 input, not 0',
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
      { inputs, layers: [{ ...conv('a', convolution), options: { ...convolution, filters: 0 } }] },
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
      // pytorch/pytorch#169741
      'a padding that nobody can count',
      { inputs, layers: [pad('a', { padding: Number.MAX_SAFE_INTEGER, mode: 'edge' })] },
      ShapeError,
      /^a: its output, \[\d+, \d+, \d+\], would have more values than can be counted; reduce its size$/,
    ],
    [
      'filters that nobody can count',
      { inputs, layers: [globalMaxPool('a'), dense('b', { units: Number.MAX_SAFE_INTEGER })] },
      ShapeError,
      /^b: weights, \[\d+, 9007199254740991\], would have more values than can be counted; reduce its size$/,
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

describe('initializeForTraining', () => {
  const rms = (values: Float32Array) =>
    Math.sqrt(values.reduce((sum, value) => sum + value ** 2, 0) / values.length)
  /** Within six standard errors of the expected value. */
  const expectSd = (values: Float32Array, sd: number) =>
    expect(Math.abs(rms(values) / sd - 1)).toBeLessThan(6 / Math.sqrt(2 * values.length))

  it('He before ReLU, fan-in alone at the end, biases 0', () => {
    const made = initializeForTraining(lenet(), { seed: 7 })
    expect(Object.keys(made)).toEqual(Object.keys(parametersOf(lenet())))
    expectSd(made['conv1/weights']!, Math.sqrt(2 / 25))
    expectSd(made['conv2/weights']!, Math.sqrt(2 / (25 * 32)))
    expectSd(made['fc3/weights']!, Math.sqrt(2 / 3136))
    expectSd(made['fc4/weights']!, Math.sqrt(1 / 512))
    // Normal, and not truncated
    expect(made['fc3/weights']!.some((value) => Math.abs(value) > 4 * Math.sqrt(2 / 3136))).toBe(true)
    for (const [name, values] of Object.entries(made))
      if (name.endsWith('/biases')) expect(values.every((value) => value === 0)).toBe(true)
  })

  it('Glorot before sigmoid and tanh', () => {
    const made = initializeForTraining(lenet({ activation: 'tanh' }), { seed: 7 })
    expectSd(made['conv2/weights']!, Math.sqrt(2 / (25 * 32 + 25 * 64)))
    expectSd(made['fc3/weights']!, Math.sqrt(2 / (3136 + 512)))
    expectSd(made['fc4/weights']!, Math.sqrt(1 / 512))
  })

  it('in groups a filter reads only the channels of its own', () => {
    const network = defineNetwork('n', {
      inputs: { images: [9, 9, 64] },
      layers: [
        conv('depthwise', { filters: 256, kernel: 3, groups: 64, activation: 'relu' }),
        conv('grouped', { filters: 64, kernel: 3, groups: 32, activation: 'tanh' }),
        l2Loss('loss'),
      ],
    })
    const made = initializeForTraining(network, { seed: 1 })
    expectSd(made['depthwise/weights']!, Math.sqrt(2 / 9))
    expectSd(made['grouped/weights']!, Math.sqrt(2 / (9 * 8 + 9 * 64)))
  })

  it('finds the activation behind other layers, but not behind other weights', () => {
    const network = defineNetwork('n', {
      inputs: { images: [9, 9, 16], labels: [] },
      layers: [
        conv('a', { filters: 64, kernel: 3 }),
        lrn('b'),
        maxPool('c', { kernel: 2 }),
        relu('d'),
        dense('e', { units: 100 }),
        dropout('f'),
        sigmoid('g'),
        dense('h', { units: 100 }),
        dense('i', { units: 10, activation: 'relu' }),
        softmaxLoss('loss', { inputs: ['i', 'labels'] }),
      ],
    })
    const made = initializeForTraining(network, { seed: 1 })
    expectSd(made['a/weights']!, Math.sqrt(2 / 144))
    expectSd(made['e/weights']!, Math.sqrt(2 / (2304 + 100)))
    expectSd(made['h/weights']!, Math.sqrt(1 / 100))
    expectSd(made['i/weights']!, Math.sqrt(2 / 100))
  })

  it('as the network says', () => {
    const made = initializeForTraining(alexnetCifar10(), { seed: 7 })
    const sds = { conv1: 0.05, conv2: 0.05, fc3: 0.04, fc4: 0.04, fc5: 0.04 }
    const biases = { conv1: 0, conv2: 0.1, fc3: 0.1, fc4: 0.1, fc5: 0.1 }
    for (const [layer, sd] of Object.entries(sds)) {
      const weights = made[`${layer}/weights`]!
      // A normal distribution cut off at 2 sd has a standard deviation of 0.8796 sd
      expectSd(weights, 0.8796 * sd)
      expect(weights.every((value) => Math.abs(value) <= Math.fround(2 * sd))).toBe(true)
    }
    for (const [layer, value] of Object.entries(biases)) {
      const { length } = made[`${layer}/biases`]!
      expect(made[`${layer}/biases`]).toEqual(new Float32Array(length).fill(value))
    }
  })

  it('any stretch of a tensor is made as in the whole', () => {
    for (const network of [lenet(), alexnetCifar10()]) {
      const whole = initializeForTraining(network, { seed: 7 })
      for (const { name, length, fill } of trainingParameters(network, { seed: 7 })) {
        const part = new Float32Array(Math.min(length, 1000))
        fill(part, length - part.length)
        expect(part).toEqual(whole[name]!.subarray(length - part.length))
      }
    }
  })

  it('leaves the benchmark its own', () => {
    const made = initialize(alexnetCifar10(), { seed: 7 })
    expectSd(made['fc3/weights']!, 0.8796 * 0.1)
    expect(made['fc3/biases']!.every((value) => value === 0)).toBe(true)
  })
})

describe('weightDecays', () => {
  it('is that of the training, of all parameters', () => {
    const names = Object.keys(parametersOf(lenet()))
    expect(weightDecays(lenet(), 5e-4)).toEqual(Object.fromEntries(names.map((name) => [name, 5e-4])))
  })

  it('is the network’s own where it has one', () => {
    const decays = Object.entries(weightDecays(alexnetCifar10(), 5e-4))
    expect(decays).toHaveLength(10)
    expect(decays.filter(([, decay]) => decay !== 0)).toEqual([
      ['fc3/weights', 0.004],
      ['fc4/weights', 0.004],
    ])
  })
})
