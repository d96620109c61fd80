// Shapes and counts that torchvision's modules have too, at both sizes; resnet20-cifar is the article's.
import { describe, expect, it } from 'vitest'
import {
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
  readonly classes: number
  /** The shapes that are printed, at the network's own size. */
  readonly shapes: readonly (readonly number[])[]
  /** The same but for the dense layers at 160 x 160 (resnet20-cifar: at 45 x 45). */
  readonly otherShapes: readonly (readonly number[])[]
}

const imageOf = (size: number, channels: number) => [size, size, channels]
const imagesOf = (...sizes: readonly [size: number, channels: number][]) =>
  sizes.map(([size, channels]) => imageOf(size, channels))

const vgg = (parameters: number, depth: number): Published => ({
  parameters,
  statistics: 0,
  depth,
  classes: 1000,
  shapes: [...imagesOf([112, 64], [56, 128], [28, 256], [14, 512], [7, 512]), [4096], [4096], [1000]],
  otherShapes: imagesOf([80, 64], [40, 128], [20, 256], [10, 512], [5, 512]),
})

const published: Readonly<Record<string, Published>> = {
  'vgg-a': vgg(132_863_336, 11),
  vgg16: vgg(138_357_544, 16),
  googlenet: {
    parameters: 6_624_904,
    statistics: 14_560,
    depth: 22,
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
    classes: 1000,
    shapes: [...imagesOf([112, 64], [56, 64], [56, 64], [28, 128], [14, 256], [7, 512], [1, 512]), [1000]],
    otherShapes: imagesOf([80, 64], [40, 64], [40, 64], [20, 128], [10, 256], [5, 512], [1, 512]),
  },
  resnet50: {
    parameters: 25_557_032,
    statistics: 53_120,
    depth: 50,
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
    classes: 1000,
    shapes: [
      ...imagesOf([112, 64], [56, 64], [56, 256], [28, 512], [14, 1024], [7, 1024], [1, 1024]),
      [1000],
    ],
    otherShapes: imagesOf([80, 64], [40, 64], [40, 256], [20, 512], [10, 1024], [5, 1024], [1, 1024]),
  },
  'resnet20-cifar': {
    parameters: 272_474,
    statistics: 1568,
    depth: 20,
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

it('an average over all pixels takes any size: the same parameters', () => {
  for (const name of ['googlenet', 'resnet18', 'resnet50', 'densenet121', 'resnet20-cifar']) {
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
  it('dropout of vgg16 and googlenet', () => {
    expect(kindsOf(networkNamed('vgg16', { without: ['dropout'] }))).not.toContain('dropout')
    expect(kindsOf(networkNamed('googlenet', { without: ['dropout'] }))).not.toContain('dropout')
  })

  it('overlap, with the padding that it needs, so that later shapes stay', () => {
    for (const name of ['googlenet', 'resnet18', 'resnet50', 'densenet121']) {
      const network = networkNamed(name, { without: ['overlap'] })
      expect(shapesOf(network)).toEqual(published[name]!.shapes)
      const pools = network.layers.flatMap(({ layer }) => (layer.kind === 'max-pool' ? [layer.options] : []))
      expect(pools.filter(({ kernel, stride }) => kernel === 3 && stride === 2)).toEqual([])
    }
  })
})
