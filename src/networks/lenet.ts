import { conv, dense, dropout, maxPool, softmaxLoss } from '../layers/index.ts'
import { defineNetwork } from './network.ts'
import { checked, leaveOut, type NetworkOptions } from './options.ts'

/**
 * For handwritten digits: two convolutions and a hidden layer with dropout; 1,663,370 parameters. images (N, 28, 28,
 * 1), labels (N) -> fc4 (N, 10), objective the mean cross-entropy. Source: LeCun et al. 1998; the sizes of TensorFlow's
 * tutorial for MNIST (models/image/mnist/convolutional.py).
 */
export function lenet(options: NetworkOptions = {}) {
  const { imageSize = 28, classes = 10, activation = 'relu', without } = checked('lenet', options)
  const same = { kernel: 5, padding: 'same', activation } as const
  const halved = { kernel: 2, stride: 2 } as const
  const layers = [
    conv('conv1', { filters: 32, ...same }),
    maxPool('pool1', halved),
    conv('conv2', { filters: 64, ...same }),
    maxPool('pool2', halved),
    dense('fc3', { units: 512, activation }),
    dropout('dropout4', { rate: 0.5 }),
    dense('fc4', { units: classes }),
  ] as const
  return defineNetwork('lenet', {
    inputs: { images: [imageSize, imageSize, 1], labels: [] },
    layers: [...leaveOut('lenet', layers, without), softmaxLoss('loss', { inputs: ['fc4', 'labels'] })],
    printed: ['conv1', 'pool1', 'conv2', 'pool2', 'fc3', 'fc4'],
  })
}
