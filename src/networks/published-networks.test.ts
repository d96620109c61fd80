// Shapes and counts that equal those of torchvision's modules, at both sizes; resnet20-cifar has the article's, overfeat
// those of convnet-benchmarks.
import { describe, expect, it } from 'vitest'
import {
  initializeForTraining,
  labelClasses,
  layerCounts,
  type Network,
  networkCounts,
  networkNamed,
  networkSize,
  outputsOf,
  shapeOf,
} from './index.ts'

interface Published {
  readonly parameters: number
  readonly statistics: number
  readonly depth: number
  /**
   * In thousands of millions, to three digits, as torchvision's `_ops` of the weights says; null if torchvision lacks
   * the network.
   */
  readonly multiplyAdds: number | null
  readonly classes: number
  /** The shapes that are printed, at the network's own size. */
  readonly shapes: readonly (readonly number[])[]
  /** The same, except for the dense layers, at 160 x 160 (resnet20-cifar: at 45 x 45). */
  readonly otherShapes: readonly (readonly number[])[]
}

const imageOf = (size: number, channels: number) => [size, size, channels]
const imagesOf = (...sizes: readonly [size: number, channels: number][]) =>
  sizes.map(([size, channels]) => imageOf(size, channels))

const vgg = (parameters: number, depth: number, multiplyAdds: number): Published => ({
  parameters,
  statistics: 0,
  depth,
  multiplyAdds,
  classes: 1000,
  shapes: [...imagesOf([112, 64], [56, 128], [28, 256], [14, 512], [7, 512]), [4096], [4096], [1000]],
  otherShapes: imagesOf([80, 64], [40, 128], [20, 256], [10, 512], [5, 512]),
})

const published: Readonly<Record<string, Published>> = {
  'vgg-a': vgg(132_863_336, 11, 7.609),
  vgg16: vgg(138_357_544, 16, 15.47),
  googlenet: {
    parameters: 6_624_904,
    statistics: 14_560,
    depth: 22,
    multiplyAdds: 1.498,
    classes: 1000,
    shapes: [
      ...imagesOf([112, 64], [56, 64], [56, 192], [28, 192], [28, 480], [14, 480]),
      ...imagesOf([14, 832], [7, 832], [7, 1024], [1, 1024]),
      [1000],
    ],
    otherShapes: [
      ...imagesOf([80, 64], [40, 64], [40, 192], [20, 192], [20, 480], [10, 480]),
      ...imagesOf([10, 832], [5, 832], [5, 1024], [1, 1024]),
    ],
  },
  resnet18: {
    parameters: 11_689_512,
    statistics: 9600,
    depth: 18,
    multiplyAdds: 1.814,
    classes: 1000,
    shapes: [...imagesOf([112, 64], [56, 64], [56, 64], [28, 128], [14, 256], [7, 512], [1, 512]), [1000]],
    otherShapes: imagesOf([80, 64], [40, 64], [40, 64], [20, 128], [10, 256], [5, 512], [1, 512]),
  },
  resnet50: {
    parameters: 25_557_032,
    statistics: 53_120,
    depth: 50,
    multiplyAdds: 4.089,
    classes: 1000,
    shapes: [
      ...imagesOf([112, 64], [56, 64], [56, 256], [28, 512], [14, 1024], [7, 2048], [1, 2048]),
      [1000],
    ],
    otherShapes: imagesOf([80, 64], [40, 64], [40, 256], [20, 512], [10, 1024], [5, 2048], [1, 2048]),
  },
  densenet121: {
    parameters: 7_978_856,
    statistics: 83_648,
    depth: 121,
    multiplyAdds: 2.834,
    classes: 1000,
    shapes: [
      ...imagesOf([112, 64], [56, 64], [56, 256], [28, 512], [14, 1024], [7, 1024], [1, 1024]),
      [1000],
    ],
    otherShapes: imagesOf([80, 64], [40, 64], [40, 256], [20, 512], [10, 1024], [5, 1024], [1, 1024]),
  },
  overfeat: {
    parameters: 145_920_872,
    statistics: 0,
    depth: 8,
    multiplyAdds: null,
    classes: 1000,
    shapes: [
      ...imagesOf([56, 96], [28, 96], [24, 256], [12, 256], [12, 512], [12, 1024], [12, 1024], [6, 1024]),
      ...[[3072], [4096], [1000]],
    ],
    otherShapes: imagesOf([38, 96], [19, 96], [15, 256], [7, 256], [7, 512], [7, 1024], [7, 1024], [3, 1024]),
  },
  squeezenet: {
    parameters: 1_235_496,
    statistics: 0,
    depth: 18,
    multiplyAdds: 0.349,
    classes: 1000,
    shapes: [
      ...imagesOf([111, 64], [55, 64], [55, 128], [27, 128], [27, 256], [13, 256], [13, 384], [13, 512]),
      ...[[13, 13, 1000], [1000]],
    ],
    otherShapes: [
      ...imagesOf([79, 64], [39, 64], [39, 128], [19, 128], [19, 256], [9, 256], [9, 384], [9, 512]),
      [9, 9, 1000],
    ],
  },
  'mobilenet-v2': {
    parameters: 3_504_872,
    statistics: 34_112,
    depth: 53,
    multiplyAdds: 0.301,
    classes: 1000,
    shapes: [
      ...imagesOf([112, 32], [112, 16], [56, 24], [28, 32], [14, 64], [14, 96], [7, 160], [7, 320]),
      ...imagesOf([7, 1280], [1, 1280]),
      [1000],
    ],
    otherShapes: [
      ...imagesOf([80, 32], [80, 16], [40, 24], [20, 32], [10, 64], [10, 96], [5, 160], [5, 320]),
      ...imagesOf([5, 1280], [1, 1280]),
    ],
  },
  'mobilenet-v3-large': {
    parameters: 5_483_032,
    statistics: 24_400,
    // The longest path leads through the convolutions of squeeze-and-excite, too.
    depth: 64,
    multiplyAdds: 0.217,
    classes: 1000,
    shapes: [
      ...imagesOf([112, 16], [112, 16], [56, 24], [28, 40], [14, 80], [14, 112], [7, 160], [7, 960]),
      ...[[1, 1, 960], [1280], [1000]],
    ],
    otherShapes: [
      ...imagesOf([80, 16], [80, 16], [40, 24], [20, 40], [10, 80], [10, 112], [5, 160], [5, 960]),
      ...[[1, 1, 960], [1280]],
    ],
  },
  'efficientnet-b0': {
    parameters: 5_288_548,
    statistics: 42_016,
    depth: 82,
    multiplyAdds: 0.386,
    classes: 1000,
    shapes: [
      ...imagesOf([112, 32], [112, 16], [56, 24], [28, 40], [14, 80], [14, 112], [7, 192], [7, 320]),
      ...imagesOf([7, 1280], [1, 1280]),
      [1000],
    ],
    otherShapes: [
      ...imagesOf([80, 32], [80, 16], [40, 24], [20, 40], [10, 80], [10, 112], [5, 192], [5, 320]),
      ...imagesOf([5, 1280], [1, 1280]),
    ],
  },
  'shufflenet-v2': {
    parameters: 2_278_604,
    statistics: 16_180,
    depth: 51,
    multiplyAdds: 0.145,
    classes: 1000,
    shapes: [...imagesOf([112, 24], [56, 24], [28, 116], [14, 232], [7, 464], [7, 1024], [1, 1024]), [1000]],
    otherShapes: imagesOf([80, 24], [40, 24], [20, 116], [10, 232], [5, 464], [5, 1024], [1, 1024]),
  },
  'convnext-tiny': {
    parameters: 28_589_128,
    statistics: 0,
    depth: 59,
    multiplyAdds: 4.456,
    classes: 1000,
    shapes: [...imagesOf([56, 96], [56, 96], [28, 192], [14, 384], [7, 768], [1, 768]), [1000]],
    otherShapes: imagesOf([40, 96], [40, 96], [20, 192], [10, 384], [5, 768], [1, 768]),
  },
  'resnet20-cifar': {
    parameters: 272_474,
    statistics: 1568,
    depth: 20,
    multiplyAdds: null,
    classes: 10,
    shapes: [...imagesOf([32, 16], [32, 16], [16, 32], [8, 64], [1, 64]), [10]],
    otherShapes: imagesOf([45, 16], [45, 16], [23, 32], [12, 64], [1, 64]),
  },
}

const shapesOf = (network: Network) => network.printed.map((name) => shapeOf(network, name))
const kindsOf = ({ layers }: Network) => layers.map(({ layer }) => layer.kind)

describe.each(Object.entries(published))('%s', (name, expected) => {
  it('has the published counts and depth', () => {
    const network = networkNamed(name)
    const { parameters, statistics, depth } = expected
    expect(networkCounts(network)).toMatchObject({ parameters, statistics })
    expect(networkSize(network).depth).toBe(depth)
  })

  it('has the published shapes, at other sizes too', () => {
    expect(shapesOf(networkNamed(name))).toEqual(expected.shapes)
    const imageSize = name === 'resnet20-cifar' ? 45 : 160
    const other = networkNamed(name, { imageSize })
    expect(shapesOf(other).slice(0, expected.otherShapes.length)).toEqual(expected.otherShapes)
    expect(shapesOf(other).at(-1)).toEqual([expected.classes])
  })

  it('ends with as many classes as are asked for', () => {
    for (const classes of [expected.classes, 7]) {
      const network = networkNamed(name, { classes })
      const [output] = outputsOf(network)
      expect(outputsOf(network)).toHaveLength(1)
      expect(shapeOf(network, output!)).toEqual([classes])
      expect(labelClasses(network)).toEqual({ labels: classes })
    }
  })
})

it.each(Object.entries(published).filter(([, { multiplyAdds }]) => multiplyAdds !== null))(
  '%s has the published number of multiply-adds',
  (name, { multiplyAdds }) => {
    const { connections } = networkCounts(networkNamed(name))
    expect(Math.round(connections / 1e6) / 1000).toBe(multiplyAdds)
  },
)

/** All but those with dense layers that read images. */
const AVERAGED = Object.keys(published).filter((name) => !['vgg-a', 'vgg16', 'overfeat'].includes(name))

it('an average over all pixels takes any size: the same parameters', () => {
  for (const name of AVERAGED) {
    const { parameters } = networkCounts(networkNamed(name, { imageSize: 97 }))
    expect(parameters).toBe(published[name]!.parameters)
  }
})

it('names are those of torchvision’s modules', () => {
  const names = (network: string) => networkNamed(network).layers.map(({ layer }) => layer.name)
  expect(names('vgg16')).toEqual(expect.arrayContaining(['features.0', 'features.28', 'classifier.6']))
  expect(names('resnet50').slice(3, 12)).toEqual([
    ...['layer1.0.conv1', 'layer1.0.bn1', 'layer1.0.conv2', 'layer1.0.bn2', 'layer1.0.conv3'],
    ...['layer1.0.bn3', 'layer1.0.downsample.0', 'layer1.0.downsample.1', 'layer1.0.add'],
  ])
  expect(names('googlenet')).toEqual(expect.arrayContaining(['conv1.bn', 'inception5b.branch4.1.conv']))
  expect(names('densenet121')).toEqual(
    expect.arrayContaining([
      'features.denseblock4.denselayer16.conv2',
      'features.transition3.conv',
      'classifier',
    ]),
  )
  expect(names('squeezenet')).toEqual(expect.arrayContaining(['features.12.expand3x3', 'classifier.1']))
  expect(names('mobilenet-v2').slice(2, 16)).toEqual([
    ...['features.1.conv.0.0', 'features.1.conv.0.1', 'features.1.conv.1', 'features.1.conv.2'],
    ...['features.2.conv.0.0', 'features.2.conv.0.1', 'features.2.conv.1.0', 'features.2.conv.1.1'],
    ...['features.2.conv.2', 'features.2.conv.3', 'features.3.conv.0.0', 'features.3.conv.0.1'],
    ...['features.3.conv.1.0', 'features.3.conv.1.1'],
  ])
  expect(names('mobilenet-v3-large')).toEqual(
    expect.arrayContaining(['features.4.block.2.fc1', 'features.15.block.3.1', 'classifier.3']),
  )
  expect(names('efficientnet-b0')).toEqual(
    expect.arrayContaining(['features.1.0.block.1.fc2', 'features.6.3.block.2.fc1', 'classifier.1']),
  )
  expect(names('shufflenet-v2')).toEqual(
    expect.arrayContaining(['stage2.0.branch1.3', 'stage4.3.branch2.6', 'conv5.0', 'fc']),
  )
  expect(names('convnext-tiny')).toEqual(
    expect.arrayContaining(['features.5.8.block.5', 'features.5.8.layer_scale', 'features.6.1']),
  )
})

describe('inverted residuals', () => {
  const block = (network: string, prefix: string) =>
    networkNamed(network).layers.filter(({ layer }) => layer.name.startsWith(prefix))
  const layer = (network: string, name: string) => block(network, name)[0]!

  it('add their input where the output has its shape', () => {
    expect(layer('mobilenet-v2', 'features.3.add').inputs).toEqual(['features.3.conv.3', 'features.2.conv.3'])
    expect(block('mobilenet-v2', 'features.2.add')).toEqual([])
    expect(layer('efficientnet-b0', 'features.2.1.add').inputs).toEqual([
      'features.2.1.block.3.1',
      'features.2.0.block.3.1',
    ])
  })

  it('have a depthwise convolution with the stride', () => {
    const { layer: depthwise, outputShape } = layer('mobilenet-v2', 'features.2.conv.1.0')
    expect(depthwise.options).toMatchObject({ groups: 96, filters: 96, kernel: 3, stride: 2, biases: false })
    expect(outputShape).toEqual([56, 56, 96])
  })

  it('multiply what the depthwise convolution made by the gate, which another activation leaves', () => {
    for (const [network, activation, gate] of [
      ['mobilenet-v3-large', undefined, 'hard-sigmoid'],
      ['mobilenet-v3-large', 'tanh', 'hard-sigmoid'],
      ['efficientnet-b0', 'tanh', 'sigmoid'],
    ] as const) {
      const { layers } = networkNamed(network, { activation })
      const gates = layers.filter(({ layer }) => layer.name.endsWith('.fc2'))
      expect(gates).toHaveLength(network === 'efficientnet-b0' ? 16 : 8)
      for (const { layer } of gates) expect(layer.options).toMatchObject({ activation: gate })
    }
    expect(layer('mobilenet-v3-large', 'features.4.block.2.multiply').inputs).toEqual([
      'features.4.block.1.1',
      'features.4.block.2.fc2',
    ])
  })

  it('of mobilenet-v3-large have its batch norm', () => {
    const norms = networkNamed('mobilenet-v3-large').layers.filter(({ layer }) => layer.kind === 'batch-norm')
    expect(norms).toHaveLength(46)
    for (const { layer } of norms) expect(layer.options).toMatchObject({ epsilon: 0.001, momentum: 0.01 })
  })
})

it('a unit of shufflenet-v2 leaves half of its channels as they are, and mixes the halves', () => {
  const { layers } = networkNamed('shufflenet-v2')
  const unit = layers.filter(({ layer }) => layer.name.startsWith('stage2.1.'))
  const named = (name: string) => unit.find(({ layer }) => layer.name === `stage2.1.${name}`)!
  expect(named('first')).toMatchObject({ inputs: ['stage2.0.shuffle'], outputShape: [28, 28, 58] })
  expect(named('branch2.0').inputs).toEqual(['stage2.1.second'])
  expect(named('concat').inputs).toEqual(['stage2.1.first', 'stage2.1.branch2.6'])
  expect(named('shuffle').layer.options).toEqual({ groups: 2 })
})

it('a block of convnext-tiny begins as its input, nearly', () => {
  const network = networkNamed('convnext-tiny')
  const made = initializeForTraining(network, { seed: 7 })
  expect([...new Set(made['features.1.0.layer_scale/scale'])]).toEqual([Math.fround(1e-6)])
  const sum = network.layers.find(({ layer }) => layer.name === 'features.1.0.add')!
  expect(sum.inputs).toEqual(['features.1.0.layer_scale', 'features.0.1'])
  const largest = made['features.1.0.block.3/weights']!.reduce(
    (most, each) => Math.max(most, Math.abs(each)),
    0,
  )
  expect(largest).toBeGreaterThan(0.03)
  expect(largest).toBeLessThanOrEqual(0.04)
})

describe('residual blocks', () => {
  const layerOf = (network: Network, name: string) => network.layers.find(({ layer }) => layer.name === name)!

  it('add their input, or a projection of it where shapes differ', () => {
    const network = networkNamed('resnet18')
    expect(layerOf(network, 'layer1.0.add').inputs).toEqual(['layer1.0.bn2', 'maxpool'])
    expect(layerOf(network, 'layer2.0.add').inputs).toEqual(['layer2.0.bn2', 'layer2.0.downsample.1'])
    expect(layerOf(network, 'layer2.0.downsample.0').inputs).toEqual(['layer1.1.add'])
    expect(layerOf(network, 'layer2.1.add').inputs).toEqual(['layer2.1.bn2', 'layer2.0.add'])
  })

  it('of resnet50 have the stride in the 3 x 3', () => {
    const network = networkNamed('resnet50')
    expect(layerOf(network, 'layer2.0.conv1').outputShape).toEqual([56, 56, 128])
    expect(layerOf(network, 'layer2.0.conv2').outputShape).toEqual([28, 28, 128])
  })

  it('of resnet20-cifar have 2,752 parameters in projections, which the article’s option A has not', () => {
    const network = networkNamed('resnet20-cifar')
    const projections = network.layers.filter(({ layer }) => layer.name.includes('downsample'))
    const counts = projections.map((layer) => layerCounts(network, layer).parameters)
    expect(counts).toEqual([512, 64, 2048, 128])
  })
})

it('a dense layer of densenet121 reads all that those before it gave', () => {
  const network = networkNamed('densenet121')
  const inputs = network.layers.find(({ layer }) => layer.name.endsWith('block1.denselayer3.concat'))!.inputs
  expect(inputs).toEqual([
    'features.pool0',
    'features.denseblock1.denselayer1.conv2',
    'features.denseblock1.denselayer2.conv2',
  ])
})

describe('left out', () => {
  it('dropout', () => {
    for (const name of [
      ...['vgg16', 'googlenet', 'squeezenet', 'mobilenet-v2', 'mobilenet-v3-large', 'efficientnet-b0'],
    ]) {
      expect(kindsOf(networkNamed(name))).toContain('dropout')
      expect(kindsOf(networkNamed(name, { without: ['dropout'] }))).not.toContain('dropout')
    }
  })

  it('overlap, with the padding that it needs, so that later shapes stay', () => {
    for (const name of ['googlenet', 'resnet18', 'resnet50', 'densenet121', 'shufflenet-v2']) {
      const network = networkNamed(name, { without: ['overlap'] })
      expect(shapesOf(network)).toEqual(published[name]!.shapes)
      const pools = network.layers.flatMap(({ layer }) => (layer.kind === 'max-pool' ? [layer.options] : []))
      expect(pools.filter(({ kernel, stride }) => kernel === 3 && stride === 2)).toEqual([])
    }
  })
})
