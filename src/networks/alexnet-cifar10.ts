import { conv, dense, lrn, maxPool, softmaxLoss } from '../layers/index.ts'
import { defineNetwork } from './network.ts'
import { checked, leaveOut, type NetworkOptions } from './options.ts'

/**
 * The small AlexNet from which the article's LRN constants come, with its initial values and its weight decay, which
 * only the two hidden dense layers have; 1,068,298 parameters. images (N, 24, 24, 3), labels (N) -> fc5 (N, 10),
 * objective the mean cross-entropy. Source: TensorFlow's CIFAR-10 tutorial (models/image/cifar10/cifar10.py), after
 * Krizhevsky's cuda-convnet.
 */
export function alexnetCifar10(options: NetworkOptions = {}) {
  const { imageSize = 24, classes = 10, activation = 'relu', without } = checked('alexnet-cifar10', options)
  const convolution = { filters: 64, kernel: 5, padding: 'same', activation, decay: 0 } as const
  const overlapping = { kernel: 3, stride: 2, padding: 'same' } as const
  const hidden = { activation, initial: { weightsSd: 0.04, biases: 0.1 }, decay: 0.004 } as const
  const layers = [
    conv('conv1', { ...convolution, initial: { weightsSd: 0.05, biases: 0 } }),
    maxPool('pool1', overlapping),
    lrn('lrn1'),
    conv('conv2', { ...convolution, initial: { weightsSd: 0.05, biases: 0.1 } }),
    lrn('lrn2'),
    maxPool('pool2', overlapping),
    dense('fc3', { units: 384, ...hidden }),
    dense('fc4', { units: 192, ...hidden }),
    dense('fc5', { units: classes, initial: { weightsSd: 0.04, biases: 0.1 }, decay: 0 }),
  ] as const
  return defineNetwork('alexnet-cifar10', {
    inputs: { images: [imageSize, imageSize, 3], labels: [] },
    layers: [
      ...leaveOut('alexnet-cifar10', layers, without),
      softmaxLoss('loss', { inputs: ['fc5', 'labels'] }),
    ],
    printed: ['conv1', 'pool1', 'conv2', 'pool2', 'fc3', 'fc4', 'fc5'],
  })
}
