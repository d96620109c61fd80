import {
  type Activation,
  averagePool,
  batchNorm,
  concat,
  conv,
  dense,
  globalAveragePool,
  type Layer,
  maxPool,
  softmaxLoss,
} from '../layers/index.ts'
import { defineNetwork } from './network.ts'
import { checked, leaveOut, type NetworkOptions } from './options.ts'

/** Channels that each dense layer adds. */
const GROWTH = 32
/** Channels between a dense layer's 1 x 1 convolution and its 3 x 3 one, in multiples of GROWTH. */
const BOTTLENECK = 4
const FIRST_CHANNELS = 64
/** The number of dense layers in each block. */
const BLOCKS = [6, 12, 24, 16] as const

/**
 * DenseNet with 121 layers: four blocks, in which each layer reads the outputs of all layers before it, and transitions
 * between the blocks. 7,978,856 parameters and 83,648 running statistics; layers are named as torchvision's modules.
 * images (N, 224, 224, 3), labels (N) -> classifier (N, 1000), objective the mean cross-entropy. Source: Huang et al.
 * 2016, 'Densely Connected Convolutional Networks'; torchvision's models/densenet.py.
 */
export function densenet121(options: NetworkOptions = {}) {
  const { imageSize = 224, classes = 1000, activation = 'relu', without } = checked('densenet121', options)
  const { layers: tower, blockOutputs } = features(activation)
  const layers = [...tower, globalAveragePool('avgpool'), dense('classifier', { units: classes })]
  return defineNetwork('densenet121', {
    inputs: { images: [imageSize, imageSize, 3], labels: [] },
    layers: [
      ...leaveOut('densenet121', layers, without),
      softmaxLoss('loss', { inputs: ['classifier', 'labels'] }),
    ],
    printed: ['features.norm0', 'features.pool0', ...blockOutputs, 'avgpool', 'classifier'],
  })
}

function features(activation: Activation): {
  readonly layers: readonly Layer[]
  readonly blockOutputs: readonly string[]
} {
  const layers: Layer[] = [
    conv('features.conv0', { filters: FIRST_CHANNELS, kernel: 7, stride: 2, padding: 3, biases: false }),
    batchNorm('features.norm0', { activation }),
    maxPool('features.pool0', { kernel: 3, stride: 2, padding: 1 }),
  ]
  const blockOutputs: string[] = []
  let channels = FIRST_CHANNELS
  for (const [i, count] of BLOCKS.entries()) {
    const name = `features.denseblock${i + 1}`
    layers.push(...denseBlock(name, layers.at(-1)!.name, count, activation))
    blockOutputs.push(layers.at(-1)!.name)
    channels += count * GROWTH
    if (i === BLOCKS.length - 1) break
    channels /= 2
    layers.push(...transition(`features.transition${i + 1}`, channels, activation))
  }
  layers.push(batchNorm('features.norm5', { activation }))
  return { layers, blockOutputs }
}

/** (N, H, W, C) -> `name`.concat (N, H, W, C + count * GROWTH): the input, then what each layer adds. */
function denseBlock(name: string, input: string, count: number, activation: Activation): readonly Layer[] {
  const given = [input]
  const layers: Layer[] = []
  for (let i = 1; i <= count; i++) {
    const at = `${name}.denselayer${i}`
    layers.push(
      // The first layer has nothing to concatenate.
      ...(i > 1 ? [concat(`${at}.concat`, { inputs: [...given] })] : []),
      batchNorm(`${at}.norm1`, { activation }),
      conv(`${at}.conv1`, { filters: BOTTLENECK * GROWTH, kernel: 1, biases: false }),
      batchNorm(`${at}.norm2`, { activation }),
      conv(`${at}.conv2`, { filters: GROWTH, kernel: 3, padding: 1, biases: false }),
    )
    given.push(`${at}.conv2`)
  }
  return [...layers, concat(`${name}.concat`, { inputs: given })]
}

/** Halves height, width and channels: (N, H, W, C) -> `name`.pool (N, H / 2, W / 2, filters). */
function transition(name: string, filters: number, activation: Activation): readonly Layer[] {
  return [
    batchNorm(`${name}.norm`, { activation }),
    conv(`${name}.conv`, { filters, kernel: 1, biases: false }),
    averagePool(`${name}.pool`, { kernel: 2, stride: 2 }),
  ]
}
