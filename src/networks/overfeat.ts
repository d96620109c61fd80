import { conv, dense, maxPool, softmaxLoss } from '../layers/index.ts'
import { defineNetwork } from './network.ts'
import { checked, leaveOut, type NetworkOptions } from './options.ts'

/**
 * OverFeat's fast model as convnet-benchmarks times it: without dropout, and with ReLU after the dense layers (its Torch
 * version has a threshold that gives 1e-6 in place of 0); 145,920,872 parameters. images (N, 231, 231, 3), labels (N) -> fc8
 * (N, 1000), objective the mean cross-entropy. With images of another size fc6 has another size too. Source: Sermanet
 * et al. 2013, 'OverFeat', table 1; soumith/convnet-benchmarks, torch7/imagenet_winners/overfeat.lua.
 */
export function overfeat(options: NetworkOptions = {}) {
  const { imageSize = 231, classes = 1000, activation = 'relu', without } = checked('overfeat', options)
  const halved = { kernel: 2, stride: 2 } as const
  const layers = [
    conv('conv1', { filters: 96, kernel: 11, stride: 4, activation }),
    maxPool('pool1', halved),
    conv('conv2', { filters: 256, kernel: 5, activation }),
    maxPool('pool2', halved),
    conv('conv3', { filters: 512, kernel: 3, padding: 1, activation }),
    conv('conv4', { filters: 1024, kernel: 3, padding: 1, activation }),
    conv('conv5', { filters: 1024, kernel: 3, padding: 1, activation }),
    maxPool('pool5', halved),
    dense('fc6', { units: 3072, activation }),
    dense('fc7', { units: 4096, activation }),
    dense('fc8', { units: classes }),
  ] as const
  return defineNetwork('overfeat', {
    inputs: { images: [imageSize, imageSize, 3], labels: [] },
    layers: [...leaveOut('overfeat', layers, without), softmaxLoss('loss', { inputs: ['fc8', 'labels'] })],
    printed: ['conv1', 'pool1', 'conv2', 'pool2', 'conv3', 'conv4', 'conv5', 'pool5', 'fc6', 'fc7', 'fc8'],
  })
}
