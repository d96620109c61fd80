import { dense, dropout, globalAveragePool, type Layer, softmaxLoss } from '../layers/index.ts'
import { invertedResidual } from './inverted-residual.ts'
import { defineNetwork } from './network.ts'
import { normalizedConv, numbered } from './normalized-conv.ts'
import { checked, leaveOut, type NetworkOptions } from './options.ts'

const FIRST_CHANNELS = 32
/** The rows of the article's table 2: expansion factor, filters, number of blocks, stride of the first block. */
const STAGES = [
  [1, 16, 1, 1],
  [6, 24, 2, 2],
  [6, 32, 3, 2],
  [6, 64, 4, 2],
  [6, 96, 3, 1],
  [6, 160, 3, 2],
  [6, 320, 1, 1],
] as const

/**
 * MobileNet v2: inverted residuals with depthwise convolutions and ReLU6. 3,504,872 parameters and 34,112 running
 * statistics; layers are named as torchvision's modules. images (N, 224, 224, 3), labels (N) -> classifier.1 (N, 1000),
 * objective the mean cross-entropy. `activation` replaces ReLU6. Source: Sandler et al. 2018, 'MobileNetV2'; torchvision's
 * mobilenet_v2.
 */
export function mobilenetV2(options: NetworkOptions = {}) {
  const { imageSize = 224, classes = 1000, activation = 'relu6', without } = checked('mobilenet-v2', options)
  const tower: Layer[] = [
    ...normalizedConv(numbered('features.0'), {
      filters: FIRST_CHANNELS,
      kernel: 3,
      stride: 2,
      padding: 1,
      activation,
    }),
  ]
  const stageOutputs: string[] = []
  let channels = FIRST_CHANNELS
  let position = 1
  for (const [factor, filters, count, firstStride] of STAGES) {
    for (let i = 0; i < count; i++) {
      const stride = i === 0 ? firstStride : 1
      tower.push(
        ...invertedResidual(`features.${position++}`, 'conv', {
          input: tower.at(-1)!.name,
          channels,
          expanded: factor * channels,
          kernel: 3,
          stride,
          filters,
          activation,
          // In this network torchvision numbers the projection's convolution and batch norm as two modules of the block.
          projectionNames: (name, at) => [`${name}.${at}`, `${name}.${at + 1}`],
        }),
      )
      channels = filters
    }
    stageOutputs.push(tower.at(-1)!.name)
  }
  const layers = [
    ...tower,
    ...normalizedConv(numbered(`features.${position}`), { filters: 1280, kernel: 1, activation }),
    globalAveragePool('avgpool'),
    dropout('classifier.0', { rate: 0.2 }),
    dense('classifier.1', { units: classes, initial: { weightsSd: 0.01, biases: 0 } }),
  ]
  return defineNetwork('mobilenet-v2', {
    inputs: { images: [imageSize, imageSize, 3], labels: [] },
    layers: [
      ...leaveOut('mobilenet-v2', layers, without),
      softmaxLoss('loss', { inputs: ['classifier.1', 'labels'] }),
    ],
    printed: ['features.0.1', ...stageOutputs, `features.${position}.1`, 'avgpool', 'classifier.1'],
  })
}
