import { batchNorm, conv, dense, globalAveragePool, maxPool, softmaxLoss } from '../layers/index.ts'
import { defineNetwork, type Network } from './network.ts'
import { checked, leaveOut, type NetworkOptions } from './options.ts'
import { type ResidualBlock, residualStages } from './residual-blocks.ts'

/**
 * A residual network for ImageNet: a 7 x 7 convolution and a pooling, each with stride 2, four stages with the numbers
 * of blocks in `blocks`, and one dense layer; layers are named as torchvision's modules. images (N, 224, 224, 3),
 * labels (N) -> fc (N, 1000), objective the mean cross-entropy. Source: He et al. 2015, 'Deep Residual Learning', table
 * 1; torchvision's models/resnet.py.
 */
export function resnet(
  name: string,
  block: ResidualBlock,
  blocks: readonly number[],
  options: NetworkOptions,
): Network {
  const { imageSize = 224, classes = 1000, activation = 'relu', without } = checked(name, options)
  const stages = residualStages({ block, blocks, filters: 64, input: 'maxpool', channels: 64, activation })
  const layers = [
    conv('conv1', { filters: 64, kernel: 7, stride: 2, padding: 3, biases: false }),
    batchNorm('bn1', { activation }),
    maxPool('maxpool', { kernel: 3, stride: 2, padding: 1 }),
    ...stages.layers,
    globalAveragePool('avgpool'),
    dense('fc', { units: classes }),
  ]
  return defineNetwork(name, {
    inputs: { images: [imageSize, imageSize, 3], labels: [] },
    layers: [...leaveOut(name, layers, without), softmaxLoss('loss', { inputs: ['fc', 'labels'] })],
    printed: ['bn1', 'maxpool', ...stages.outputs, 'avgpool', 'fc'],
  })
}
