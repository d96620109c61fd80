import { dense, dropout, globalAveragePool, type Layer, softmaxLoss } from '../layers/index.ts'
import { invertedResidual } from './inverted-residual.ts'
import { defineNetwork } from './network.ts'
import { normalizedConv, numbered } from './normalized-conv.ts'
import { checked, leaveOut, type NetworkOptions } from './options.ts'

const FIRST_CHANNELS = 32
/** The rows of the article's table 1: expansion factor, kernel, stride of the first block, filters, number of blocks. */
const STAGES = [
  [1, 3, 1, 16, 1],
  [6, 3, 2, 24, 2],
  [6, 5, 2, 40, 2],
  [6, 3, 2, 80, 3],
  [6, 5, 1, 112, 3],
  [6, 5, 2, 192, 4],
  [6, 3, 1, 320, 1],
] as const
/** Channels between the two convolutions of squeeze-and-excite, as a share of the channels of the block's input. */
const SQUEEZED = 1 / 4

/**
 * EfficientNet B0: inverted residuals with squeeze-and-excite and SiLU. 5,288,548 parameters and 42,016 running
 * statistics; layers are named as torchvision's modules. There is no stochastic depth, which leaves out whole blocks at
 * random in training. images (N, 224, 224, 3), labels (N) -> classifier.1 (N, 1000), objective the mean cross-entropy.
 * `activation` replaces SiLU. Source: Tan & Le 2019, 'EfficientNet'; torchvision's efficientnet_b0.
 */
export function efficientnetB0(options: NetworkOptions = {}) {
  const {
    imageSize = 224,
    classes = 1000,
    activation = 'silu',
    without,
  } = checked('efficientnet-b0', options)
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
  let channels: number = FIRST_CHANNELS
  for (const [stage, [factor, kernel, firstStride, filters, count]] of STAGES.entries()) {
    for (let i = 0; i < count; i++) {
      tower.push(
        ...invertedResidual(`features.${stage + 1}.${i}`, 'block', {
          input: tower.at(-1)!.name,
          channels,
          expanded: factor * channels,
          kernel,
          stride: i === 0 ? firstStride : 1,
          filters,
          activation,
          excitation: { squeezed: channels * SQUEEZED, activation, gate: 'sigmoid' },
        }),
      )
      channels = filters
    }
    stageOutputs.push(tower.at(-1)!.name)
  }
  const layers = [
    ...tower,
    ...normalizedConv(numbered('features.8'), { filters: 1280, kernel: 1, activation }),
    globalAveragePool('avgpool'),
    dropout('classifier.0', { rate: 0.2 }),
    dense('classifier.1', { units: classes }),
  ]
  return defineNetwork('efficientnet-b0', {
    inputs: { images: [imageSize, imageSize, 3], labels: [] },
    layers: [
      ...leaveOut('efficientnet-b0', layers, without),
      softmaxLoss('loss', { inputs: ['classifier.1', 'labels'] }),
    ],
    printed: ['features.0.1', ...stageOutputs, 'features.8.1', 'avgpool', 'classifier.1'],
  })
}
