import {
  type Activation,
  concat,
  conv,
  dropout,
  flatten,
  globalAveragePool,
  type Layer,
  maxPool,
  softmaxLoss,
} from '../layers/index.ts'
import { defineNetwork } from './network.ts'
import { checked, leaveOut, type NetworkOptions } from './options.ts'

const halved = { kernel: 3, stride: 2, ceilMode: true } as const

/**
 * SqueezeNet 1.1: fire modules, and a convolution with a filter for each class in place of a dense layer; 1,235,496
 * parameters. Layers are named as torchvision's modules. images (N, 224, 224, 3), labels (N) -> flatten (N, 1000), logits
 * that are never below 0, since ReLU comes before the average; objective the mean cross-entropy. Source: Iandola et al.
 * 2016, 'SqueezeNet'; torchvision's squeezenet1_1.
 */
export function squeezenet(options: NetworkOptions = {}) {
  const { imageSize = 224, classes = 1000, activation = 'relu', without } = checked('squeezenet', options)
  const module = (name: string, squeezed: number, expanded: number) =>
    fire(name, squeezed, expanded, activation)
  const layers = [
    conv('features.0', { filters: 64, kernel: 3, stride: 2, activation }),
    maxPool('features.2', halved),
    ...module('features.3', 16, 64),
    ...module('features.4', 16, 64),
    maxPool('features.5', halved),
    ...module('features.6', 32, 128),
    ...module('features.7', 32, 128),
    maxPool('features.8', halved),
    ...module('features.9', 48, 192),
    ...module('features.10', 48, 192),
    ...module('features.11', 64, 256),
    ...module('features.12', 64, 256),
    dropout('classifier.0', { rate: 0.5 }),
    conv('classifier.1', {
      filters: classes,
      kernel: 1,
      activation,
      initial: { weightsSd: 0.01, biases: 0 },
    }),
    globalAveragePool('classifier.3'),
    flatten('flatten'),
  ]
  return defineNetwork('squeezenet', {
    inputs: { images: [imageSize, imageSize, 3], labels: [] },
    layers: [
      ...leaveOut('squeezenet', layers, without),
      softmaxLoss('loss', { inputs: ['flatten', 'labels'] }),
    ],
    printed: [
      ...['features.0', 'features.2', 'features.4.concat', 'features.5', 'features.7.concat', 'features.8'],
      ...['features.10.concat', 'features.12.concat', 'classifier.1', 'flatten'],
    ],
  })
}

/**
 * A 1 x 1 convolution to few channels, then a 1 x 1 and a 3 x 3 one to many: (N, H, W, C) -> `name`.concat
 * (N, H, W, 2 * expanded).
 */
function fire(name: string, squeezed: number, expanded: number, activation: Activation): readonly Layer[] {
  const inputs = [`${name}.squeeze`]
  return [
    conv(`${name}.squeeze`, { filters: squeezed, kernel: 1, activation }),
    conv(`${name}.expand1x1`, { filters: expanded, kernel: 1, activation, inputs }),
    conv(`${name}.expand3x3`, { filters: expanded, kernel: 3, padding: 1, activation, inputs }),
    concat(`${name}.concat`, { inputs: [`${name}.expand1x1`, `${name}.expand3x3`] }),
  ]
}
