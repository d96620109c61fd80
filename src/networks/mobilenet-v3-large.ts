import { dense, dropout, globalAveragePool, type Layer, softmaxLoss } from '../layers/index.ts'
import { invertedResidual } from './inverted-residual.ts'
import { defineNetwork } from './network.ts'
import { normalizedConv, numbered } from './normalized-conv.ts'
import { checked, leaveOut, type NetworkOptions } from './options.ts'

const FIRST_CHANNELS = 16
/**
 * The rows of the article's table 1: kernel, channels of the depthwise convolution, filters, squeezed channels of
 * squeeze-and-excite (null: the block has none), activation, stride.
 */
const BLOCKS = [
  [3, 16, 16, null, 'relu', 1],
  [3, 64, 24, null, 'relu', 2],
  [3, 72, 24, null, 'relu', 1],
  [5, 72, 40, 24, 'relu', 2],
  [5, 120, 40, 32, 'relu', 1],
  [5, 120, 40, 32, 'relu', 1],
  [3, 240, 80, null, 'hard-swish', 2],
  [3, 200, 80, null, 'hard-swish', 1],
  [3, 184, 80, null, 'hard-swish', 1],
  [3, 184, 80, null, 'hard-swish', 1],
  [3, 480, 112, 120, 'hard-swish', 1],
  [3, 672, 112, 168, 'hard-swish', 1],
  [5, 672, 160, 168, 'hard-swish', 2],
  [5, 960, 160, 240, 'hard-swish', 1],
  [5, 960, 160, 240, 'hard-swish', 1],
] as const
const NORM = { epsilon: 0.001, momentum: 0.01 } as const
const INITIAL = { weightsSd: 0.01, biases: 0 } as const

/**
 * The large MobileNet v3: inverted residuals, some with squeeze-and-excite; the later ones have hard swish. 5,483,032
 * parameters and 24,400 running statistics; layers are named as torchvision's modules. images (N, 224, 224, 3), labels (N)
 * -> classifier.3 (N, 1000), objective the mean cross-entropy. `activation` replaces ReLU and hard swish. Source: Howard
 * et al. 2019, 'Searching for MobileNetV3'; torchvision's mobilenet_v3_large.
 */
export function mobilenetV3Large(options: NetworkOptions = {}) {
  const { imageSize = 224, classes = 1000, activation, without } = checked('mobilenet-v3-large', options)
  const swish = activation ?? 'hard-swish'
  const tower: Layer[] = [
    ...normalizedConv(numbered('features.0'), {
      filters: FIRST_CHANNELS,
      kernel: 3,
      stride: 2,
      padding: 1,
      activation: swish,
      norm: NORM,
    }),
  ]
  let channels: number = FIRST_CHANNELS
  for (const [i, [kernel, expanded, filters, squeezed, own, stride]] of BLOCKS.entries()) {
    tower.push(
      ...invertedResidual(`features.${i + 1}`, 'block', {
        input: tower.at(-1)!.name,
        channels,
        expanded,
        kernel,
        stride,
        filters,
        activation: activation ?? own,
        norm: NORM,
        ...(squeezed && {
          excitation: { squeezed, activation: activation ?? 'relu', gate: 'hard-sigmoid' },
        }),
      }),
    )
    channels = filters
  }
  const layers = [
    ...tower,
    ...normalizedConv(numbered('features.16'), { filters: 960, kernel: 1, activation: swish, norm: NORM }),
    globalAveragePool('avgpool'),
    dense('classifier.0', { units: 1280, activation: swish, initial: INITIAL }),
    dropout('classifier.2', { rate: 0.2 }),
    dense('classifier.3', { units: classes, initial: INITIAL }),
  ]
  return defineNetwork('mobilenet-v3-large', {
    inputs: { images: [imageSize, imageSize, 3], labels: [] },
    layers: [
      ...leaveOut('mobilenet-v3-large', layers, without),
      softmaxLoss('loss', { inputs: ['classifier.3', 'labels'] }),
    ],
    printed: [
      ...['features.0.1', 'features.1.add', 'features.3.add', 'features.6.add', 'features.10.add'],
      ...['features.12.add', 'features.15.add', 'features.16.1', 'avgpool', 'classifier.0', 'classifier.3'],
    ],
  })
}
