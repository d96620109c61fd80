import { type Activation, conv, dense, dropout, type Layer, maxPool, softmaxLoss } from '../layers/index.ts'
import { defineNetwork, type Network } from './network.ts'
import { checked, leaveOut, type NetworkOptions } from './options.ts'

/** The filters of a 3 x 3 convolution, or a pooling that halves height and width. */
export type VggStep = number | 'pool'

/**
 * A network of 3 x 3 convolutions, as given by its steps, followed by three dense layers; layers are named as
 * torchvision's modules. images (N, 224, 224, 3), labels (N) -> classifier.6 (N, 1000), objective the mean
 * cross-entropy. With images of another size its dense layers have other sizes too, since torchvision's average pooling
 * to 7 x 7, which does nothing at 224, is left out.
 */
export function vgg(name: string, steps: readonly VggStep[], options: NetworkOptions): Network {
  const { imageSize = 224, classes = 1000, activation = 'relu', without } = checked(name, options)
  const tower = features(steps, activation)
  const layers = [
    ...tower,
    dense('classifier.0', { units: 4096, activation }),
    dropout('classifier.2', { rate: 0.5 }),
    dense('classifier.3', { units: 4096, activation }),
    dropout('classifier.5', { rate: 0.5 }),
    dense('classifier.6', { units: classes }),
  ]
  const pools = tower.filter((_, i) => steps[i] === 'pool').map((layer) => layer.name)
  return defineNetwork(name, {
    inputs: { images: [imageSize, imageSize, 3], labels: [] },
    layers: [...leaveOut(name, layers, without), softmaxLoss('loss', { inputs: ['classifier.6', 'labels'] })],
    printed: [...pools, 'classifier.0', 'classifier.3', 'classifier.6'],
  })
}

function features(steps: readonly VggStep[], activation: Activation): readonly Layer[] {
  let position = 0
  return steps.map((step) => {
    const name = `features.${position}`
    // torchvision counts a convolution's ReLU as a module of its own.
    position += step === 'pool' ? 1 : 2
    if (step === 'pool') return maxPool(name, { kernel: 2, stride: 2 })
    return conv(name, { filters: step, kernel: 3, padding: 1, activation })
  })
}
