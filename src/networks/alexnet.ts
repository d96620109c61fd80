import { UsageError } from '../errors.ts'
import { type Activation, conv, l2Loss, lrn, maxPool } from '../layers/index.ts'
import { defineNetwork } from './network.ts'
import { checked, leaveOut, type NetworkOptions } from './options.ts'

const overlapping = { kernel: 3, stride: 2, padding: 'valid' } as const

/** Five convolutions, two LRN and three overlapping max-poolings, with which all variants of the network begin. */
export function tower(activation: Activation = 'relu') {
  const same = { padding: 'same', activation } as const
  return [
    conv('conv1', { filters: 64, kernel: 11, stride: 4, ...same }),
    lrn('lrn1'),
    maxPool('pool1', overlapping),
    conv('conv2', { filters: 192, kernel: 5, ...same }),
    lrn('lrn2'),
    maxPool('pool2', overlapping),
    conv('conv3', { filters: 384, kernel: 3, ...same }),
    conv('conv4', { filters: 256, kernel: 3, ...same }),
    conv('conv5', { filters: 256, kernel: 3, ...same }),
    maxPool('pool5', overlapping),
  ] as const
}

/** Its tensors whose shapes the classic lines print. */
export const TOWER_PRINTED = ['conv1', 'pool1', 'conv2', 'pool2', 'conv3', 'conv4', 'conv5', 'pool5'] as const

/**
 * The classic benchmark's network: the tower, in one column.
 * images (N, 224, 224, 3) -> pool5 (N, 6, 6, 256), objective l2_loss(pool5). It has no classes.
 * Source: Krizhevsky 2012 and 2014 ('One weird trick'); TensorFlow's alexnet_benchmark.py.
 */
export function alexnet(options: NetworkOptions = {}) {
  const { imageSize = 224, classes, activation, without } = checked('alexnet', options)
  if (classes !== undefined) throw new UsageError('alexnet: it has no classes; use alexnet-full')
  return defineNetwork('alexnet', {
    inputs: { images: [imageSize, imageSize, 3] },
    layers: [...leaveOut('alexnet', tower(activation), without), l2Loss('loss')],
    printed: TOWER_PRINTED,
  })
}
