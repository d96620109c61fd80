import { dense, dropout, softmaxLoss } from '../layers/index.ts'
import { TOWER_PRINTED, tower } from './alexnet.ts'
import { defineNetwork } from './network.ts'
import { checked, leaveOut, type NetworkOptions } from './options.ts'

/**
 * The whole network: the tower, two hidden layers with dropout and 1000 classes by default: 61,100,840 parameters.
 * images (N, 224, 224, 3), labels (N) -> fc8 (N, 1000), objective the mean cross-entropy.
 * Source: Krizhevsky 2014 ('One weird trick'), with the dropout of Krizhevsky 2012.
 */
export function alexnetFull(options: NetworkOptions = {}) {
  const { imageSize = 224, classes = 1000, activation = 'relu', without } = checked('alexnet-full', options)
  const layers = [
    ...tower(activation),
    dropout('dropout6', { rate: 0.5 }),
    dense('fc6', { units: 4096, activation }),
    dropout('dropout7', { rate: 0.5 }),
    dense('fc7', { units: 4096, activation }),
    dense('fc8', { units: classes }),
  ] as const
  return defineNetwork('alexnet-full', {
    inputs: { images: [imageSize, imageSize, 3], labels: [] },
    layers: [
      ...leaveOut('alexnet-full', layers, without),
      softmaxLoss('loss', { inputs: ['fc8', 'labels'] }),
    ],
    printed: [...TOWER_PRINTED, 'fc6', 'fc7', 'fc8'],
  })
}
