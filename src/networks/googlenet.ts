import {
  type Activation,
  concat,
  dense,
  dropout,
  globalAveragePool,
  type Layer,
  maxPool,
  softmaxLoss,
} from '../layers/index.ts'
import { defineNetwork } from './network.ts'
import { type NormalizedConvOptions, normalizedConv } from './normalized-conv.ts'
import { checked, leaveOut, type NetworkOptions } from './options.ts'

const halved = { kernel: 3, stride: 2, ceilMode: true } as const

/**
 * GoogLeNet as in torchvision, without auxiliary classifiers: a batch norm after each convolution in place of LRN and
 * biases, and 3 x 3 where the article has 5 x 5. 6,624,904 parameters and 14,560 running statistics; layers are named
 * as torchvision's modules. images (N, 224, 224, 3), labels (N) -> fc (N, 1000), objective the mean cross-entropy. The
 * weights that torchvision publishes expect images normalized by mean 0.5 and standard deviation 0.5 (its
 * `transform_input`). Source: Szegedy et al. 2014, 'Going Deeper with Convolutions'; torchvision's models/googlenet.py.
 */
export function googlenet(options: NetworkOptions = {}) {
  const { imageSize = 224, classes = 1000, activation = 'relu', without } = checked('googlenet', options)
  const module = (name: string, input: string, filters: InceptionFilters) =>
    inception(name, input, filters, activation)
  const layers = [
    ...convolution('conv1', { filters: 64, kernel: 7, stride: 2, padding: 3, activation }),
    maxPool('maxpool1', halved),
    ...convolution('conv2', { filters: 64, kernel: 1, activation }),
    ...convolution('conv3', { filters: 192, kernel: 3, padding: 1, activation }),
    maxPool('maxpool2', halved),
    ...module('inception3a', 'maxpool2', [64, [96, 128], [16, 32], 32]),
    ...module('inception3b', 'inception3a.concat', [128, [128, 192], [32, 96], 64]),
    maxPool('maxpool3', halved),
    ...module('inception4a', 'maxpool3', [192, [96, 208], [16, 48], 64]),
    ...module('inception4b', 'inception4a.concat', [160, [112, 224], [24, 64], 64]),
    ...module('inception4c', 'inception4b.concat', [128, [128, 256], [24, 64], 64]),
    ...module('inception4d', 'inception4c.concat', [112, [144, 288], [32, 64], 64]),
    ...module('inception4e', 'inception4d.concat', [256, [160, 320], [32, 128], 128]),
    maxPool('maxpool4', { ...halved, kernel: 2 }),
    ...module('inception5a', 'maxpool4', [256, [160, 320], [32, 128], 128]),
    ...module('inception5b', 'inception5a.concat', [384, [192, 384], [48, 128], 128]),
    globalAveragePool('avgpool'),
    dropout('dropout', { rate: 0.2 }),
    dense('fc', { units: classes }),
  ]
  return defineNetwork('googlenet', {
    inputs: { images: [imageSize, imageSize, 3], labels: [] },
    layers: [...leaveOut('googlenet', layers, without), softmaxLoss('loss', { inputs: ['fc', 'labels'] })],
    printed: [
      ...['conv1.bn', 'maxpool1', 'conv3.bn', 'maxpool2', 'inception3b.concat', 'maxpool3'],
      ...['inception4e.concat', 'maxpool4', 'inception5b.concat', 'avgpool', 'fc'],
    ],
  })
}

/** Filters of each branch: the 1 x 1, two pairs of a 1 x 1 and a 3 x 3, and the 1 x 1 after the pooling. */
type InceptionFilters = readonly [
  branch1: number,
  branch2: readonly [reduced: number, filters: number],
  branch3: readonly [reduced: number, filters: number],
  branch4: number,
]

/** Four branches from one input, concatenated: (N, H, W, C) -> `name`.concat (N, H, W, the sum of the branches' filters). */
function inception(
  name: string,
  input: string,
  [filters1, branch2, branch3, filters4]: InceptionFilters,
  activation: Activation,
): readonly Layer[] {
  const inputs = [input]
  const reducedBranch = (branch: string, [reduced, filters]: readonly [number, number]) => [
    ...convolution(`${branch}.0`, { filters: reduced, kernel: 1, inputs, activation }),
    ...convolution(`${branch}.1`, { filters, kernel: 3, padding: 1, activation }),
  ]
  return [
    ...convolution(`${name}.branch1`, { filters: filters1, kernel: 1, inputs, activation }),
    ...reducedBranch(`${name}.branch2`, branch2),
    ...reducedBranch(`${name}.branch3`, branch3),
    maxPool(`${name}.branch4.0`, { kernel: 3, padding: 1, inputs }),
    ...convolution(`${name}.branch4.1`, { filters: filters4, kernel: 1, activation }),
    concat(`${name}.concat`, {
      inputs: ['branch1.bn', 'branch2.1.bn', 'branch3.1.bn', 'branch4.1.bn'].map((end) => `${name}.${end}`),
    }),
  ]
}

const NORM = { epsilon: 0.001 } as const

/** The output is `name`.bn. */
const convolution = (name: string, options: NormalizedConvOptions) =>
  normalizedConv([`${name}.conv`, `${name}.bn`], { ...options, norm: NORM })
