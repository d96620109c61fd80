import {
  type Activation,
  add,
  conv,
  dense,
  globalAveragePool,
  type Layer,
  layerNorm,
  scale,
  softmaxLoss,
} from '../layers/index.ts'
import { defineNetwork } from './network.ts'
import { checked, leaveOut, type NetworkOptions } from './options.ts'

/** The channels and the number of blocks of each stage. */
const STAGES = [
  [96, 3],
  [192, 3],
  [384, 9],
  [768, 3],
] as const
const EPSILON = 1e-6
const LAYER_SCALE = 1e-6
const initial = { weightsSd: 0.02, biases: 0 } as const

/**
 * The smallest ConvNeXt: blocks of a depthwise 7 x 7 convolution, layer norm and two 1 x 1 convolutions with GELU between
 * them, scaled channel by channel and added to the block's input. 28,589,128 parameters; layers are named as torchvision's
 * modules, whose dense layers over channels are 1 x 1 convolutions here. There is no stochastic depth, which leaves out whole
 * blocks at random in training. images (N, 224, 224, 3), labels (N) -> classifier.2 (N, 1000), objective the mean
 * cross-entropy. `activation` replaces GELU. Source: Liu et al. 2022, 'A ConvNet for the 2020s'; torchvision's
 * convnext_tiny.
 */
export function convnextTiny(options: NetworkOptions = {}) {
  const { imageSize = 224, classes = 1000, activation = 'gelu', without } = checked('convnext-tiny', options)
  const tower: Layer[] = []
  const stageOutputs: string[] = []
  for (const [stage, [channels, count]] of STAGES.entries()) {
    tower.push(...(stage === 0 ? stem(channels) : downsampling(`features.${2 * stage}`, channels)))
    for (let i = 0; i < count; i++) {
      const name = `features.${2 * stage + 1}.${i}`
      tower.push(...block(name, tower.at(-1)!.name, channels, activation))
    }
    stageOutputs.push(tower.at(-1)!.name)
  }
  const layers = [
    ...tower,
    globalAveragePool('avgpool'),
    layerNorm('classifier.0', { epsilon: EPSILON }),
    dense('classifier.2', { units: classes, initial }),
  ]
  return defineNetwork('convnext-tiny', {
    inputs: { images: [imageSize, imageSize, 3], labels: [] },
    layers: [
      ...leaveOut('convnext-tiny', layers, without),
      softmaxLoss('loss', { inputs: ['classifier.2', 'labels'] }),
    ],
    printed: ['features.0.1', ...stageOutputs, 'avgpool', 'classifier.2'],
  })
}

/** (N, H, W, 3) -> features.0.1 (N, H / 4, W / 4, filters). */
const stem = (filters: number): readonly Layer[] => [
  conv('features.0.0', { filters, kernel: 4, stride: 4, initial }),
  layerNorm('features.0.1', { epsilon: EPSILON }),
]

/** (N, H, W, C) -> `name`.1 (N, H / 2, W / 2, filters). */
const downsampling = (name: string, filters: number): readonly Layer[] => [
  layerNorm(`${name}.0`, { epsilon: EPSILON }),
  conv(`${name}.1`, { filters, kernel: 2, stride: 2, initial }),
]

/** (N, H, W, channels) -> `name`.add of the same shape. */
function block(name: string, input: string, channels: number, activation: Activation): readonly Layer[] {
  return [
    conv(`${name}.block.0`, {
      filters: channels,
      kernel: 7,
      padding: 3,
      groups: channels,
      initial,
      inputs: [input],
    }),
    layerNorm(`${name}.block.2`, { epsilon: EPSILON }),
    conv(`${name}.block.3`, { filters: 4 * channels, kernel: 1, activation, initial }),
    conv(`${name}.block.5`, { filters: channels, kernel: 1, initial }),
    scale(`${name}.layer_scale`, { initial: LAYER_SCALE, shift: false }),
    add(`${name}.add`, { inputs: [`${name}.layer_scale`, input] }),
  ]
}
