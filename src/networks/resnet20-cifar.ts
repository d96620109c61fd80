import { batchNorm, conv, dense, globalAveragePool, softmaxLoss } from '../layers/index.ts'
import { defineNetwork } from './network.ts'
import { checked, leaveOut, type NetworkOptions } from './options.ts'
import { basicBlock, residualStages } from './residual-blocks.ts'

/**
 * ResNet with 20 layers for CIFAR-10: three stages of three blocks with 16, 32 and 64 filters. 272,474 parameters and
 * 1,568 running statistics. If a stage halves the image, the shortcut is a projection: a 1 x 1 convolution with stride
 * 2 and a batch norm, the article's option B, since no layer pads channels. The article's own experiments on CIFAR-10
 * use option A, which subsamples the image and pads it with channels of zeros, and so have 2,752 parameters fewer:
 * 269,722. images (N, 32, 32, 3), labels (N) -> fc (N, 10), objective the mean cross-entropy. Source: He et al. 2015,
 * 'Deep Residual Learning', section 4.2.
 */
export function resnet20Cifar(options: NetworkOptions = {}) {
  const { imageSize = 32, classes = 10, activation = 'relu', without } = checked('resnet20-cifar', options)
  const stages = residualStages({
    block: basicBlock,
    blocks: [3, 3, 3],
    filters: 16,
    input: 'bn1',
    channels: 16,
    activation,
  })
  const layers = [
    conv('conv1', { filters: 16, kernel: 3, padding: 1, biases: false }),
    batchNorm('bn1', { activation }),
    ...stages.layers,
    globalAveragePool('avgpool'),
    dense('fc', { units: classes }),
  ]
  return defineNetwork('resnet20-cifar', {
    inputs: { images: [imageSize, imageSize, 3], labels: [] },
    layers: [
      ...leaveOut('resnet20-cifar', layers, without),
      softmaxLoss('loss', { inputs: ['fc', 'labels'] }),
    ],
    printed: ['bn1', ...stages.outputs, 'avgpool', 'fc'],
  })
}
