import { conv, dense, dropout, maxPool, softmaxLoss } from '../layers/index.ts'
import { defineNetwork } from './network.ts'
import { checked, leaveOut, type NetworkOptions } from './options.ts'

/**
 * The AlexNet for which torchvision and timm publish weights: one tower, no LRN; 61,100,840 parameters. images (N, 224,
 * 224, 3), labels (N) -> fc8 (N, 1000), objective the mean cross-entropy. With images of another size its dense layers
 * have other sizes too, since torchvision's average pooling to 6 x 6, which does nothing at 224, is left out. Source:
 * torchvision's models/alexnet.py, after Krizhevsky 2014 ('One weird trick').
 */
export function alexnetTorchvision(options: NetworkOptions = {}) {
  const {
    imageSize = 224,
    classes = 1000,
    activation = 'relu',
    without,
  } = checked('alexnet-torchvision', options)
  const overlapping = { kernel: 3, stride: 2 } as const
  const layers = [
    conv('conv1', { filters: 64, kernel: 11, stride: 4, padding: 2, activation }),
    maxPool('pool1', overlapping),
    conv('conv2', { filters: 192, kernel: 5, padding: 2, activation }),
    maxPool('pool2', overlapping),
    conv('conv3', { filters: 384, kernel: 3, padding: 1, activation }),
    conv('conv4', { filters: 256, kernel: 3, padding: 1, activation }),
    conv('conv5', { filters: 256, kernel: 3, padding: 1, activation }),
    maxPool('pool5', overlapping),
    dropout('dropout6', { rate: 0.5 }),
    dense('fc6', { units: 4096, activation }),
    dropout('dropout7', { rate: 0.5 }),
    dense('fc7', { units: 4096, activation }),
    dense('fc8', { units: classes }),
  ] as const
  return defineNetwork('alexnet-torchvision', {
    inputs: { images: [imageSize, imageSize, 3], labels: [] },
    layers: [
      ...leaveOut('alexnet-torchvision', layers, without),
      softmaxLoss('loss', { inputs: ['fc8', 'labels'] }),
    ],
    printed: ['conv1', 'pool1', 'conv2', 'pool2', 'conv3', 'conv4', 'conv5', 'pool5', 'fc6', 'fc7', 'fc8'],
  })
}
